"""What everything above the engine may know of it. Nothing here assumes local runners or one machine."""

from collections.abc import AsyncIterator
from typing import Protocol

from spark_engine.types.embeddings import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from spark_engine.types.generation import Delta, Failed, Finished, GenerationRequest, Started
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.models import ModelEntry
from spark_engine.types.state import EngineEvent, EngineState


class GenerationStream(Protocol):
    """A running generation: the events after `started`, the last of which is Finished or Failed."""

    started: Started

    def __aiter__(self) -> AsyncIterator[Delta | Finished | Failed]:
        """Never raises for what happens to the generation; that is told by Failed."""
        ...

    async def aclose(self) -> None:
        """Cancel the generation unless it is over. May be called any number of times."""
        ...


class Watcher(Protocol):
    """One subscription: StateSnapshot first, then every change; metric samples are conflated."""

    def __aiter__(self) -> AsyncIterator[EngineEvent]: ...

    def close(self) -> None:
        """End the subscription; a pending iteration stops."""
        ...


class InferenceEngine(Protocol):
    """Commands in, events out. Every refusal is a `SparkError`; what happens later arrives at the
    watchers.
    """

    @property
    def state(self) -> EngineState:
        """The state right now."""
        ...

    def watch(self) -> Watcher:
        """Subscribe to the event stream."""
        ...

    def resolve(self, model: str) -> ModelEntry:
        """The model a request for `model` (a model id, a variant id or `auto`) would run on; NotFound if
        none.
        """
        ...

    async def submit(self, request: GenerationRequest) -> GenerationStream:
        """Accept a generation: loads the model if need be, returns once the model took the prompt.

        Raises NotFound (unknown model), InvalidRequest, ContextExceeded, DeadlineExceeded,
        Unavailable (queue full, load failed).
        Cancelling the awaiting task withdraws the request.
        """
        ...

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """A vector for each input; `auto` prefers models made for it. Loads, refuses and is withdrawn as `submit`."""
        ...

    async def rerank(self, request: RerankRequest) -> Ranking:
        """A score for each document; `auto` prefers models made for it. Loads, refuses and is withdrawn as `submit`."""
        ...

    def load(self, model: str) -> str:
        """Begin to load a model; returns the variant id. Loading again what is loaded changes nothing."""
        ...

    def unload(self, model: str) -> str:
        """Begin to unload a model; running generations are failed with `model_unloaded`. Returns the variant
        id.
        """
        ...

    def rescan(self) -> None:
        """Read the library anew from disk."""
        ...

    def cancel(self, request_id: str) -> None:
        """Cancel a request; NotFound when no such request is active."""
        ...

    def install_component(self, component: str) -> None:
        """Begin to install a backend component; Conflict while it is being changed."""
        ...

    def remove_component(self, component: str) -> None:
        """Begin to remove a backend component."""
        ...

    def cancel_component(self, component: str) -> None:
        """Cancel a running installation."""
        ...

    def health(self) -> HealthReport:
        """Whether Spark can answer, and what is wrong."""
        ...

    def raise_problem(self, problem: Problem) -> None:
        """Tell every watcher of a problem that was met above the engine, and count it in the health."""
        ...

    def prometheus(self) -> bytes:
        """Metrics in Prometheus' text format."""
        ...

    async def start(self) -> None:
        """Read the library, begin to preload the default model."""
        ...

    async def stop(self) -> None:
        """End every generation and every runner."""
        ...
