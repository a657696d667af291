"""The engine of this machine: puts library, residency, requests, bus and components together."""

import asyncio
import os
import time

from spark_engine import __version__, logs
from spark_engine.config.load import Config
from spark_engine.engine.acceleration import Acceleration
from spark_engine.engine.after_sleep import AfterSleep
from spark_engine.engine.apps import Apps
from spark_engine.engine.bus import Bus, BusWatcher
from spark_engine.engine.components import Components
from spark_engine.engine.crash_reports import CrashReports
from spark_engine.engine.ecosystem import Ecosystem
from spark_engine.engine.hardware import HardwareMonitor
from spark_engine.engine.health_watch import HealthWatch
from spark_engine.engine.library import LocalLibrary
from spark_engine.engine.load_options import SavedOptions
from spark_engine.engine.request_history import RequestHistory
from spark_engine.engine.residency import Residency
from spark_engine.engine.serving import Serving
from spark_engine.engine.settings import SettingsDesk
from spark_engine.engine.speeds import Speeds
from spark_engine.engine.store import Store
from spark_engine.engine.stream import LocalStream
from spark_engine.hardware.sleep_clock import asleep_s
from spark_engine.life.log_book import LogBook
from spark_engine.life.log_limits import bound_output
from spark_engine.paths import BaseDir
from spark_engine.tasks import create_task
from spark_engine.types.components import ComponentEntry, Installing, Removing
from spark_engine.types.embeddings import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from spark_engine.types.generation import GenerationRequest
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.models import LoadFailed, Ready, Unloaded, VariantStatus
from spark_engine.types.selection import Choice, Needs
from spark_engine.types.state import (
    ComponentChanged,
    EngineEvent,
    EngineInfo,
    EngineState,
    HardwareSampled,
    MetricsSampled,
    PhaseChanged,
    ProblemRaised,
    VariantChanged,
)


class Engine:
    """Serves requests by local runners. Everything happens in one asyncio event loop."""

    def __init__(self, config: Config, base: BaseDir, address: str) -> None:
        self._config, self._base = config, base
        info = EngineInfo(__version__, os.getpid(), time.time(), address, str(base.root))
        self._bus = Bus(EngineState(info), self._on_watchers, self._on_event)
        self._ecosystem = Ecosystem(config, lambda: self._health.changed())
        self._health = HealthWatch(config, base, self._bus, self._ecosystem)
        self.apps = Apps(self._bus.publish, base.state / "apps.json", self._ecosystem.asked)
        self._crashes = CrashReports(base, config, self._bus)
        self._speeds = Speeds(base, lambda variant: self.library.refresh(), lambda: self._serving.is_quiet)
        self._residency = Residency(
            config,
            self._on_status,
            options=SavedOptions(config, base),
            speeds=self._speeds,
            inspect=lambda variant: self.library.inspection(variant),
            seats=lambda variant: self.acceleration.seat(variant),
            on_trouble=lambda *trouble: self.acceleration.retreat(*trouble),
            on_end=lambda end: self._crashes.runner_ended(end),
        )
        self.acceleration = Acceleration(self._bus, self._residency, self._speeds, base)
        self._serving = Serving(config, self._bus, self._residency, self.apps)
        self._components = Components(base, self._on_component)
        self.library = LocalLibrary(config, base, self._bus, self._residency)
        self.hardware = HardwareMonitor(base, self._bus, self._serving.sample, lambda: self._residency.pids)

        self.history = RequestHistory(Store(base.state / "store.db"), lambda: self.state.requests.values())
        self._serving.remember = self.history.add
        self.logs = LogBook(base)
        self.after_sleep = AfterSleep(
            (self._residency.revive, self.library.reconnect, self._health.look_soon, self.acceleration.wake),
            asleep_s,
        )
        effects = {
            "log.level": lambda: logs.set_level(config.text("log.level")),
            "models.keep_alive_s": self._keep_models_anew,
            "models.": self.library.refresh,
            "ecosystem.": self._health.look_soon,
        }
        self.settings = SettingsDesk(config, base, self._bus, effects)

    # --- state ---------------------------------------------------------------------------------------------

    @property
    def state(self) -> EngineState:
        """The state right now."""
        return self._bus.state

    def watch(self) -> BusWatcher:
        """Subscribe to the event stream."""
        return self._bus.watch()

    def health(self) -> HealthReport:
        """Whether Spark can answer, and what is wrong."""
        return self._health.report()

    async def check_health(self) -> HealthReport:
        """As `health`, after everything was looked at anew."""
        return await self._health.look()

    def raise_problem(self, problem: Problem) -> None:
        """Tell every watcher of a problem that was met above the engine."""
        self._bus.publish(ProblemRaised(problem))

    def prometheus(self) -> bytes:
        """Metrics in Prometheus' text format."""
        return self._serving.prometheus()

    # --- life ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the library and the components, begin to preload the default model."""
        for entry in self._components.entries().values():
            self._bus.publish(ComponentChanged(entry))
        if (problem := self._residency.options.problem) is not None:
            self.raise_problem(problem)
        await self.acceleration.start()
        await self.library.start()
        self._bus.publish(MetricsSampled(self._serving.sample()))
        self._bus.publish(PhaseChanged("ready"))
        self._speeds.start()
        self.hardware.start()
        self.apps.start()
        self._health.start()
        self._crashes.look()
        if self._config.flag("models.preload") and self.state.default_model:
            self.library.try_to_load(self.state.default_model)

    async def stop(self) -> None:
        """End every generation and every runner."""
        self._bus.publish(PhaseChanged("stopping"))
        await self._serving.clock.close()
        await self.hardware.close()
        await self.acceleration.close()
        await asyncio.gather(self.apps.close(), self._health.close())
        await asyncio.gather(self.library.close(), self._components.close(), self._residency.close())
        await asyncio.gather(
            self._speeds.close(), self.history.close(), self.logs.close(), self._crashes.close()
        )

    # --- models --------------------------------------------------------------------------------------------

    def choose(self, model: str, needs: Needs) -> Choice:
        """The variant a request for this name would run on; NotFound if none."""
        return self.library.choose(model, needs)

    def load(self, model: str) -> str:
        """Begin to load a model; returns the variant id."""
        return self.library.load(model)

    def unload(self, model: str) -> str:
        """Begin to unload a model; returns the variant id."""
        variant = self.library.find(model)
        self._residency.unload(variant.id)
        return variant.id

    # --- components ----------------------------------------------------------------------------------------

    def install_component(self, component: str) -> None:
        """Begin to install a backend component."""
        self._components.install(component)

    def remove_component(self, component: str) -> None:
        """Begin to remove a backend component."""
        self._components.remove(component)

    def cancel_component(self, component: str) -> None:
        """Cancel a running installation."""
        self._components.cancel(component)

    # --- requests ------------------------------------------------------------------------------------------

    async def submit(self, request: GenerationRequest) -> LocalStream:
        """Accept a generation; returns once the model took the prompt. See `InferenceEngine.submit`."""
        return await self._serving.submit(request)

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """A vector for each input. See `InferenceEngine.embed`."""
        return await self._serving.embed(request)

    async def rerank(self, request: RerankRequest) -> Ranking:
        """A score for each document. See `InferenceEngine.rerank`."""
        return await self._serving.rerank(request)

    def cancel(self, request_id: str) -> None:
        """Cancel a request; NotFound when no such request is active."""
        self._serving.cancel(request_id)

    # --- what the parts report -----------------------------------------------------------------------------

    def _on_watchers(self, count: int) -> None:
        self._serving.clock.watched_by(count)
        self._health.watched_by(count)
        self._crashes.watched_by(count)

    def _on_event(self, event: EngineEvent) -> None:
        self._health.notice(event)
        if isinstance(event, HardwareSampled):
            self.acceleration.notice(event.reading)
            self.after_sleep.look()
            bound_output(self._base.logs)

    def _keep_models_anew(self) -> None:
        """How long models are kept was changed; it holds for those that are loaded too."""
        for model in self.state.models:
            self._residency.options_changed(model)

    def _on_status(self, variant: str, status: VariantStatus) -> None:
        self._bus.publish(VariantChanged(variant, status))
        if isinstance(status, Ready | LoadFailed | Unloaded):
            self.library.refresh()
            self.acceleration.refresh()

    def _on_component(self, changed: ComponentChanged) -> None:
        self._bus.publish(changed)
        if self.state.phase == "ready" and not _is_moving(changed.component):
            self.library.refresh()
            create_task(self.acceleration.renew(), name="look at acceleration anew")


def _is_moving(component: ComponentEntry) -> bool:
    return isinstance(component.status, Installing | Removing)
