"""What everything above the engine may know of it. Nothing here assumes local runners or one machine."""

from collections.abc import AsyncIterator
from typing import Protocol

from spark_engine.types.duplicates import DuplicateGroup
from spark_engine.types.embeddings import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from spark_engine.types.fit import Fit
from spark_engine.types.generation import Delta, Failed, Finished, GenerationRequest, Started
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.options import LoadOptions, OptionsReport
from spark_engine.types.selection import Choice, Needs
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


class ModelLibrary(Protocol):
    """What can be done with the models of this machine besides running them. What comes of it arrives at the watchers;
    every refusal is a `SparkError`.
    """

    async def rescan(self) -> None:
        """Read the library anew from disk; returns once the watchers know."""
        ...

    async def download(self, model: str, *, load: bool = False) -> str:
        """Begin to fetch a model of a card (`phi-4-mini`, `phi-4-mini:gguf-q8_0`) or of the hub (`org/name[:variant]`),
        or go on with it; returns the variant's id. `load`: load it once it is here.

        Raises NotFound (no such card, repository or variant), Conflict (it is here already), Unavailable (offline).
        """
        ...

    def pause_download(self, id: str) -> None:
        """Stop a download and keep what was fetched; NotFound when there is none, Conflict when it is over."""
        ...

    def resume_download(self, id: str) -> None:
        """Go on with a download that was paused or failed; NotFound, or Conflict when it runs or is over."""
        ...

    async def remove(self, model: str) -> str:
        """Unload a variant and delete its files, or (where they are another program's) stop showing it; its id.

        NotFound, or Conflict when Spark may not delete it.
        """
        ...

    async def adopt(self, path: str) -> None:
        """Use the models at an absolute path where they lie, or show again what was forgotten; InvalidRequest when
        nothing is there."""
        ...

    def options(self, model: str) -> OptionsReport:
        """How a model or variant is loaded and kept: saved, effective, default. NotFound."""
        ...

    def set_options(self, model: str, options: LoadOptions) -> OptionsReport:
        """Save the options of a model or variant in place of those before; None forgets. NotFound, InvalidRequest."""
        ...

    def fit(self, model: str, options: LoadOptions) -> Fit:
        """Whether a variant would fit with these options over its own, and how fast it would be; nothing is loaded."""
        ...

    def free_memory(self) -> tuple[str, ...]:
        """Begin to unload every model that is idle and not pinned; their variant ids."""
        ...

    def convert(self, model: str, format: str, quantization: str) -> str:
        """Begin to convert a variant; the id of the one it becomes. NotFound, InvalidRequest (it cannot become that),
        Conflict (it is here or on its way, or there is no room), Unavailable (a component is missing)."""
        ...

    async def cancel_conversion(self, id: str) -> None:
        """End a conversion, delete what was made and drop its row; one that is over only loses its row. NotFound."""
        ...

    async def duplicates(self) -> list[DuplicateGroup]:
        """Files of models that lie on this machine more than once; may read them once, for minutes."""
        ...

    async def cancel_download(self, id: str) -> None:
        """Stop a download, delete what was fetched and drop its row. One that is over only loses its row."""
        ...


class InferenceEngine(Protocol):
    """Commands in, events out. Every refusal is a `SparkError`; what happens later arrives at the
    watchers.
    """

    @property
    def library(self) -> ModelLibrary:
        """The models of this machine: fetching, removing, reading them anew."""
        ...

    @property
    def state(self) -> EngineState:
        """The state right now."""
        ...

    def watch(self) -> Watcher:
        """Subscribe to the event stream."""
        ...

    def choose(self, model: str, needs: Needs) -> Choice:
        """The variant a request for `model` would run on: the named model's or variant's, or what suits `needs` best
        where it is `auto`. NotFound if there is none.
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
