"""What everything above the engine may know of it. Nothing here assumes local runners or one machine."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from spark_engine.types.apps import AppEntry, AppRank, Peer
from spark_engine.types.conversions import ConversionTarget
from spark_engine.types.duplicates import DuplicateGroup
from spark_engine.types.embeddings import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from spark_engine.types.fit import Fit
from spark_engine.types.generation import Delta, Failed, Finished, GenerationRequest, Started
from spark_engine.types.hardware import HardwareHistory, Span
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.hub import RepositoryOffer, TokenReport
from spark_engine.types.logs import LogPage
from spark_engine.types.options import LoadOptions, OptionsReport
from spark_engine.types.requests import RequestPage
from spark_engine.types.selection import Choice, Needs
from spark_engine.types.settings import SettingEntry
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

    async def targets(self, model: str) -> tuple[ConversionTarget, ...]:
        """What a variant can become, and what is in the way; empty: nothing. NotFound, or as `convert` where it can
        never be converted."""
        ...

    async def cancel_conversion(self, id: str) -> None:
        """End a conversion, delete what was made and drop its row; one that is over only loses its row. NotFound."""
        ...

    async def duplicates(
        self, report: Callable[[int, int], None] = lambda done, total: None
    ) -> list[DuplicateGroup]:
        """Files of models that lie on this machine more than once; may read them once, for minutes. `report` is told
        how many bytes were read, of how many; cancelling ends the reading."""
        ...

    async def offers(self, ref: str) -> RepositoryOffer:
        """What `download` could fetch under this name (`org/name[:variant]`, or a card's model), with sizes; nothing is
        fetched. NotFound, NotAllowed (the hub wants to know who asks), Unavailable."""
        ...

    async def hub_token(self) -> TokenReport:
        """Whether a token for the hub is kept, and where."""
        ...

    async def set_hub_token(self, token: str) -> TokenReport:
        """Keep a token for the hub in place of the one before; InvalidRequest when it is not one."""
        ...

    async def forget_hub_token(self) -> TokenReport:
        """Keep no token for the hub any more."""
        ...

    async def cancel_download(self, id: str) -> None:
        """Stop a download, delete what was fetched and drop its row. One that is over only loses its row."""
        ...


class HardwareView(Protocol):
    """What the machine has and how busy it is; readings arrive at the watchers as `HardwareSampled`."""

    def watch(self) -> None:
        """Somebody looks at the readings: one a second for the next 15 s instead of one every ten seconds."""
        ...

    def history(self, span: Span) -> HardwareHistory:
        """What is remembered of the last minute, hour or day."""
        ...


class AppCall(Protocol):
    """One request of an app. `client` is what the request to the engine carries."""

    client: str

    async def known(self) -> None:
        """Wait until its program is known, for a blink at most: one that has left cannot be recognised any more."""
        ...

    def end(self, status: int) -> None:
        """It was answered, to the end, with this HTTP status (499: its client left before)."""
        ...


class AppConnection(Protocol):
    """The other end of one connection."""

    async def admit(self) -> None:
        """Somebody looks at what there is: AppRefused when their app is blocked."""
        ...

    async def begin(self, agent: str, key_name: str = "") -> AppCall:
        """A request begins. `agent` is its User-Agent, `key_name` a known program's name that it gave as its key.
        AppRefused when its app is blocked."""
        ...


class AppDesk(Protocol):
    """Which programs of this machine ask, and what their owner decides about them. Every change is told as AppChanged;
    every decision may raise NotFound."""

    def connect(self, peer: Peer) -> AppConnection:
        """Somebody connected, or (without address and process) cannot be told."""
        ...

    def entries(self) -> dict[str, AppEntry]:
        """Every app by its id, as of now; watchers are told no later."""
        ...

    def pause_all(self) -> None:
        """Everybody's requests wait from now on, as `ServingPaused` tells; those that a model has go on. It holds until
        `resume_all` or the engine's end."""
        ...

    def resume_all(self) -> None:
        """Requests wait no more, but those of an app that is paused."""
        ...

    def pause(self, id: str) -> None:
        """Its requests wait from now on; those that a model has go on."""
        ...

    def resume(self, id: str) -> None:
        """Its requests wait no more."""
        ...

    def block(self, id: str) -> None:
        """Its requests are refused from now on."""
        ...

    def unblock(self, id: str) -> None:
        """It may ask again."""
        ...

    def rank(self, id: str, rank: AppRank) -> None:
        """Whose requests go first."""
        ...


class RequestList(Protocol):
    """The requests that are under way and the latest that are over, also of engines before this one."""

    async def page(self, *, before: str = "", limit: int = 100, text: str = "") -> RequestPage:
        """A piece of the list: what is under way, and the latest `limit` that are over; or those that were over before
        the request with the id `before`. `text`: only requests in whose row it is found. NotFound, Unavailable."""
        ...


class EngineLogs(Protocol):
    """The lines that engine, runners and app wrote into their logs."""

    async def page(self, after: int = 0, limit: int = 5000) -> LogPage:
        """The latest lines behind the number `after`, no more than `limit`."""
        ...

    def follow(self, after: int = 0, limit: int = 5000) -> AsyncGenerator[LogPage, None]:
        """What `page` gives, then new lines as they are written, until the engine stops."""
        ...


class EngineSettings(Protocol):
    """The settings of the running engine and its settings file."""

    async def entries(self) -> dict[str, SettingEntry]:
        """Every setting by its key, in the order in which people read them."""
        ...

    async def change(self, changes: Mapping[str, Any]) -> dict[str, SettingEntry]:
        """Save values by their keys (None: back to the default), all or none; what can, holds at once. The settings
        afterwards. InvalidRequest naming the key, Conflict (it is set elsewhere, or the file is no TOML), Unavailable.
        """
        ...


class AccelerationDesk(Protocol):
    """What runs models, and changing it. What comes of it arrives at the watchers as `AccelerationChanged`."""

    def verify(self, backend: str = "", choice: str = "") -> tuple[str, ...]:
        """Begin to check a choice, all of a backend, or all there are; what is checked, as `onnx/cuda`. NotFound, or
        Conflict when the named choice is not installed."""
        ...

    def select(self, backend: str, choice: str, *, strict: bool | None = None) -> None:
        """Begin to use a choice, or `auto`, for a backend's models. `strict`: never the CPU instead (None: as it is).
        NotFound, Conflict when it cannot be used now, Unavailable when `strict` leaves nothing."""
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
    def hardware(self) -> HardwareView:
        """Readings of the machine."""
        ...

    @property
    def apps(self) -> AppDesk:
        """The programs that ask."""
        ...

    @property
    def history(self) -> RequestList:
        """Requests that are under way and over."""
        ...

    @property
    def logs(self) -> EngineLogs:
        """What engine, runners and app logged."""
        ...

    @property
    def settings(self) -> EngineSettings:
        """The settings and their file."""
        ...

    @property
    def acceleration(self) -> AccelerationDesk:
        """What runs models."""
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

    async def check_health(self) -> HealthReport:
        """As `health`, after everything was looked at anew; takes about a second."""
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
