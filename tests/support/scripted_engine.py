"""An engine for what the real one cannot be made to do on time: crashes, silence, floods; and a server in front.

State, watchers, mailboxes and streams are the real ones; only what a model says follows a script.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct

from spark_engine.api.access import Services
from spark_engine.api.app import build_app, guard_for
from spark_engine.api.listener import Listener
from spark_engine.api.ports import bind_port
from spark_engine.config.load import Config, Resolved
from spark_engine.config.schema import SETTINGS, SettingValue
from spark_engine.engine.apps import Apps
from spark_engine.engine.bus import Bus, BusWatcher
from spark_engine.engine.health import report
from spark_engine.engine.interface import InferenceEngine
from spark_engine.engine.placement import find
from spark_engine.engine.stream import LocalStream, Mailbox
from spark_engine.errors import NotFound
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.components import ComponentEntry, Missing
from spark_engine.types.conversions import ConversionTarget
from spark_engine.types.duplicates import DuplicateGroup
from spark_engine.types.embeddings import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from spark_engine.types.fit import Fit
from spark_engine.types.generation import (
    Delta,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Served,
    Started,
    Timings,
    Usage,
)
from spark_engine.types.hardware import HardwareHistory, Span
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.hub import OfferedVariant, RepositoryOffer, TokenReport
from spark_engine.types.ids import AUTO
from spark_engine.types.models import ModelEntry, Ready, Unloaded, Unloading, VariantEntry, VariantStatus
from spark_engine.types.options import LoadOptions, OptionsReport
from spark_engine.types.selection import Choice, Needs
from spark_engine.types.state import (
    DefaultModelChanged,
    EngineInfo,
    EngineState,
    ModelsListed,
    PhaseChanged,
    ProblemRaised,
    VariantChanged,
)
from tests.support.scripted_desks import ScriptedLogs, ScriptedRequests, ScriptedSettings

VARIANT = "actor:plain"
SERVED = Served(VARIANT, "Stage")
Script = Callable[[GenerationRequest], AsyncIterator[Delta | Finished | Failed]]


def finished(reason: FinishReason = "stop", tokens: int = 2) -> Finished:
    """An ordinary end."""
    return Finished(reason, Usage(3, tokens, 1), Timings(prefill_ms=1.5), SERVED)


async def says_hello(request: GenerationRequest) -> AsyncIterator[Delta | Finished | Failed]:
    """Two pieces and a stop."""
    yield Delta("Hello", (1,))
    yield Delta(" there", (2,))
    yield finished()


class ScriptedLibrary:
    """Satisfies `ModelLibrary`: notes what it is told. It knows one download, of `actor:big`."""

    def __init__(self, commands: list[tuple[str, str]]) -> None:
        self._commands = commands
        self._options = LoadOptions()
        self.token = ""

    async def rescan(self) -> None:
        self._commands.append(("scan", ""))

    async def download(self, model: str, *, load: bool = False) -> str:
        self._commands.append(("download and load" if load else "download", model))
        return "actor:big"

    async def remove(self, model: str) -> str:
        self._commands.append(("remove", model))
        return model

    async def adopt(self, path: str) -> None:
        self._commands.append(("adopt", path))

    def options(self, model: str) -> OptionsReport:
        return OptionsReport(self._options, self._options, LoadOptions())

    def set_options(self, model: str, options: LoadOptions) -> OptionsReport:
        self._options = options
        return self.options(model)

    def fit(self, model: str, options: LoadOptions) -> Fit:
        return Fit("fits", 1, 2, 3, 100, options.context or 4096, 8192)

    def free_memory(self) -> tuple[str, ...]:
        self._commands.append(("free", ""))
        return (VARIANT,)

    def convert(self, model: str, format: str, quantization: str) -> str:
        self._commands.append(("convert", f"{model} {format} {quantization}"))
        return "actor:made"

    async def cancel_conversion(self, id: str) -> None:
        self._commands.append(("cancel conversion", id))

    async def duplicates(
        self, report: Callable[[int, int], None] = lambda done, total: None
    ) -> list[DuplicateGroup]:
        report(1, 2)
        return []

    async def targets(self, model: str) -> tuple[ConversionTarget, ...]:
        return (ConversionTarget("actor:gguf-q8_0", "gguf", "Q8_0", 5, missing=("gguf",)),)

    async def offers(self, ref: str) -> RepositoryOffer:
        self._commands.append(("offers", ref))
        variant = OfferedVariant("actor:big", "org/actor:big", "big", "gguf", "Q8_0", 5, component="gguf")
        return RepositoryOffer("org/actor", "0" * 40, True, "big", (variant,), "https://hub.test/org/actor")

    async def hub_token(self) -> TokenReport:
        return TokenReport("https://hub.test", "file" if self.token else None)

    async def set_hub_token(self, token: str) -> TokenReport:
        self.token = token
        return await self.hub_token()

    async def forget_hub_token(self) -> TokenReport:
        self.token = ""
        return await self.hub_token()

    def pause_download(self, id: str) -> None:
        self._download("pause", id)

    def resume_download(self, id: str) -> None:
        self._download("resume", id)

    async def cancel_download(self, id: str) -> None:
        self._download("cancel download", id)

    def _download(self, word: str, id: str) -> None:
        if id != "actor:big":
            raise NotFound("download_not_found", "No such download", "There is none of this name.")
        self._commands.append((word, id))


class ScriptedHardware:
    """Satisfies `HardwareView`: notes that somebody watches, remembers two seconds."""

    def __init__(self, commands: list[tuple[str, str]]) -> None:
        self._commands = commands

    def watch(self) -> None:
        self._commands.append(("watch", "hardware"))

    def history(self, span: Span) -> HardwareHistory:
        return HardwareHistory(span, 1.0, (1.0, 2.0), {"cpu": (0.5, None)})


class ScriptedAcceleration:
    """Satisfies `AccelerationDesk`: notes what it is told. It knows one choice, the CPU of ONNX models."""

    def __init__(self, commands: list[tuple[str, str]]) -> None:
        self._commands = commands

    def verify(self, backend: str = "", choice: str = "") -> tuple[str, ...]:
        self._commands.append(("verify", f"{backend} {choice}".strip()))
        return ("onnx/cpu",)

    def select(self, backend: str, choice: str, *, strict: bool | None = None) -> None:
        if (backend, choice) != ("onnx", "cpu"):
            raise NotFound(
                "choice_not_found", "No such choice", "There is none of this name.", param="choice"
            )
        self._commands.append(("select", f"{backend} {choice} {strict}"))


class ScriptedEngine:
    """Satisfies `InferenceEngine`; `script` says what every generation gives, `before` what `submit` waits for."""

    def __init__(self, script: Script = says_hello, before: Callable[[], Any] | None = None) -> None:
        info = EngineInfo("0", os.getpid(), time.time(), "http://127.0.0.1:0", "")
        ready = Ready("Stage", 4096, 8, 1, 1.0, os.getpid())
        variants = (VariantEntry(VARIANT, "echo", "none", 1, ready, "echo"),)
        model = ModelEntry("actor", "Actor", "echo", "MIT", "Follows a script.", 1, 4096, variants)
        self.bus = Bus(EngineState(info))
        self.bus.publish(ModelsListed({"actor": model}))
        self.bus.publish(DefaultModelChanged(VARIANT))
        self.bus.publish(PhaseChanged("ready"))
        self.requests: list[GenerationRequest] = []
        self.cancelled: list[str] = []
        self.withdrawn: list[str] = []
        self.commands: list[tuple[str, str]] = []
        self.library = ScriptedLibrary(self.commands)
        self.hardware = ScriptedHardware(self.commands)
        self.acceleration = ScriptedAcceleration(self.commands)
        self.apps = Apps(self.bus.publish)
        self.history, self.logs, self.settings = ScriptedRequests(), ScriptedLogs(), ScriptedSettings()
        self._script, self._before = script, before
        self._feeders: list[asyncio.Task[None]] = []

    @property
    def state(self) -> EngineState:
        return self.bus.state

    def watch(self) -> BusWatcher:
        return self.bus.watch()

    def choose(self, model: str, needs: Needs) -> Choice:
        why = "the only one" if model == AUTO else ""
        return Choice(find(self.state.models, model, self.state.default_model).id, why)

    async def submit(self, request: GenerationRequest) -> LocalStream:
        self.requests.append(request)
        await self._let_through(request.id)
        mailbox = Mailbox()
        feeder = create_task(self._feed(request, mailbox), name="script")
        self._feeders.append(feeder)

        def cancel() -> None:
            self.cancelled.append(request.id)
            feeder.cancel()

        return LocalStream(Started(SERVED, 3), mailbox, cancel)

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """The same vector for each input, once `before` has let it through."""
        await self._let_through(request.id)
        return Embeddings((b"\0\0\x80\x3f",) * len(request.inputs), 3, Timings(), SERVED)

    async def rerank(self, request: RerankRequest) -> Ranking:
        """The later, the better."""
        await self._let_through(request.id)
        return Ranking(tuple(map(float, range(len(request.documents)))), 3, Timings(), SERVED)

    async def _let_through(self, id: str) -> None:
        if self._before is not None:
            try:
                await self._before()
            except asyncio.CancelledError:
                self.withdrawn.append(id)
                raise

    async def _feed(self, request: GenerationRequest, mailbox: Mailbox) -> None:
        async for event in self._script(request):
            mailbox.put(event)

    def load(self, model: str) -> str:
        return self._command("load", model, Unloaded())

    def unload(self, model: str) -> str:
        return self._command("unload", model, Unloading())

    def _command(self, word: str, model: str, status: VariantStatus) -> str:
        variant = find(self.state.models, model, self.state.default_model).id
        self.commands.append((word, variant))
        self.bus.publish(VariantChanged(variant, status))
        return variant

    def cancel(self, request_id: str) -> None:
        if request_id not in [r.id for r in self.requests]:
            raise NotFound("request_not_found", "No such request", "It is not running.")
        self.commands.append(("cancel", request_id))

    def install_component(self, component: str) -> None:
        self._component("install", component)

    def remove_component(self, component: str) -> None:
        self._component("remove", component)

    def cancel_component(self, component: str) -> None:
        self._component("cancel", component)

    def _component(self, word: str, component: str) -> None:
        if component != "gguf":
            raise NotFound("component_not_found", "No such component", "There is none of this name.")
        self.commands.append((word, component))

    @property
    def component(self) -> ComponentEntry:
        return ComponentEntry("gguf", "GGUF", ("gguf",), True, 1, Missing())

    def health(self) -> HealthReport:
        return report(self.state)

    async def check_health(self) -> HealthReport:
        return self.health()

    def raise_problem(self, problem: Problem) -> None:
        self.bus.publish(ProblemRaised(problem))

    def prometheus(self) -> bytes:
        return b"# HELP spark_up Whether Spark runs.\n# TYPE spark_up gauge\nspark_up 1.0\n"

    async def start(self) -> None:
        return

    async def stop(self) -> None:
        self.bus.publish(PhaseChanged("stopping"))
        await self.apps.close()
        await cancel_and_wait(*self._feeders)


class Api(Struct):
    """A served application. `socket` stands for the owner's: a port whose connections are trusted."""

    engine: InferenceEngine
    port: int
    token: str
    listener: Listener

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def owner(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def config_with(**values: SettingValue) -> Config:
    """Every setting at its default but these, as `server_max_body_mb=1`."""
    given = {key.replace("_", ".", 1): value for key, value in values.items()}
    return Config({s.key: Resolved(given.get(s.key, s.default), "default") for s in SETTINGS})


@asynccontextmanager
async def serving(
    engine: InferenceEngine | None = None, config: Config | None = None, head_timeout_s: float = 30
) -> AsyncGenerator[Api, None]:
    """Serve an engine over real HTTP on a free loopback port, in this event loop."""
    engine, config = engine or ScriptedEngine(), config or config_with()
    sock = bind_port(0)
    port = sock.getsockname()[1]
    token = "owner-token-of-this-test"
    app = build_app(Services(engine, config, token))
    listener = Listener(guard_for(app, config, port), sock, head_timeout_s)
    await listener.start()
    try:
        yield Api(engine, port, token, listener)
    finally:
        await engine.stop()
        await listener.end(0.5)
