"""The engine of this machine: puts library, residency, bus, counters and components together.

The life of a request: 1 `submit` resolves the model → 2 the queue takes it or refuses → 3 a runner is loaded
if
need be → 4 the runner tokenizes and accepts → 5 the caller has a stream → 6 deltas arrive and merge in its
mailbox →
7 the end arrives, or the caller leaves and the runner stops within a step → 8 the row in the list is final.
"""

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
from msgspec.structs import replace

from spark_engine import __version__
from spark_engine.catalog.library import read_library
from spark_engine.config.load import Config
from spark_engine.engine import health
from spark_engine.engine.bus import Bus, BusWatcher
from spark_engine.engine.components import Components
from spark_engine.engine.generation import Generation
from spark_engine.engine.job import Job
from spark_engine.engine.metrics import Figures
from spark_engine.engine.placement import choose_default, find, find_made_for
from spark_engine.engine.reading import Reading, ReadingResult
from spark_engine.engine.residency import Residency
from spark_engine.engine.sampling_clock import SamplingClock
from spark_engine.engine.stream import LocalStream
from spark_engine.engine.supervisor import Supervisor
from spark_engine.errors import NotFound, SparkError, Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.components import ComponentEntry, Installed, Installing, Removing, Verified
from spark_engine.types.embeddings import (
    EmbeddingRequest,
    Embeddings,
    Ranking,
    ReadingRequest,
    RerankRequest,
)
from spark_engine.types.generation import GenerationRequest
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.models import (
    LoadFailed,
    ModelEntry,
    ModelKind,
    NotInstalled,
    Ready,
    Unloaded,
    VariantEntry,
    VariantStatus,
    is_installed,
)
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import (
    ComponentChanged,
    DefaultModelChanged,
    EngineInfo,
    EngineState,
    MetricsSampled,
    ModelsListed,
    PhaseChanged,
    ProblemRaised,
    RequestChanged,
    VariantChanged,
)

EMBED_WITH: tuple[ModelKind, ...] = ("embedder", "generator")
RERANK_WITH: tuple[ModelKind, ...] = ("reranker", "embedder", "generator")


class Engine:
    """Serves requests by local runners. Everything happens in one asyncio event loop."""

    def __init__(self, config: Config, base: BaseDir, address: str) -> None:
        self._config, self._base = config, base
        info = EngineInfo(__version__, os.getpid(), time.time(), address, str(base.root))
        self._clock = SamplingClock(self._sample)
        self._bus = Bus(EngineState(info), on_watchers=self._clock.watched_by)
        self._figures = Figures()
        self._residency = Residency(config, self._on_status)
        self._components = Components(base, self._on_component)
        self._active: dict[str, Job] = {}

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
        return health.report(self.state)

    def raise_problem(self, problem: Problem) -> None:
        """Tell every watcher of a problem that was met above the engine."""
        self._bus.publish(ProblemRaised(problem))

    def prometheus(self) -> bytes:
        """Metrics in Prometheus' text format."""
        return self._figures.prometheus(self._sample_now(), self._residency.pids, self._residency.stats)

    # --- life ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the library and the components, begin to preload the default model."""
        for entry in self._components.entries().values():
            self._bus.publish(ComponentChanged(entry))
        self.rescan()
        self._bus.publish(MetricsSampled(self._sample_now()))
        self._bus.publish(PhaseChanged("ready"))
        if self._config.flag("models.preload") and self.state.default_model:
            self.load(self.state.default_model)

    async def stop(self) -> None:
        """End every generation and every runner."""
        self._bus.publish(PhaseChanged("stopping"))
        await self._clock.close()
        await self._components.close()
        await self._residency.close()

    # --- models --------------------------------------------------------------------------------------------

    def resolve(self, model: str) -> ModelEntry:
        """The model a request for this name would run on; NotFound if none."""
        return self.state.models[self._find(model).id.partition(":")[0]]

    def load(self, model: str) -> str:
        """Begin to load a model; returns the variant id."""
        variant = self._find(model)
        self._residency.load(self.resolve(variant.id), variant)
        return variant.id

    def unload(self, model: str) -> str:
        """Begin to unload a model; returns the variant id."""
        variant = self._find(model)
        self._residency.unload(variant.id)
        return variant.id

    def rescan(self) -> None:
        """Read the library anew from disk."""
        models = {id: self._live(entry) for id, entry in read_library(self._base).items()}
        self._bus.publish(ModelsListed(models))
        self._choose_default()

    def _live(self, entry: ModelEntry) -> ModelEntry:
        """A model as read from disk, with what is known of its variants' runners and components."""
        return replace(entry, variants=tuple(map(self._live_variant, entry.variants)))

    def _live_variant(self, variant: VariantEntry) -> VariantEntry:
        missing = next(
            (c.id for c in self.state.components.values() if variant.format in c.formats and not _usable(c)),
            None,
        )
        status = self._residency.status(variant.id) or Unloaded()
        return replace(
            variant, component=missing, status=status if is_installed(variant.status) else NotInstalled()
        )

    def _find(self, model: str) -> VariantEntry:
        return find(self.state.models, model, self.state.default_model)

    def _choose_default(self) -> None:
        chosen = choose_default(
            self.state.models, self._config.text("models.default"), psutil.virtual_memory().available
        )
        if chosen != self.state.default_model:
            self._bus.publish(DefaultModelChanged(chosen))

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
        variant = find_made_for(("generator",), self.state.models, request.model, self.state.default_model)
        self._refuse_when_full()
        generation = Generation(request, variant.id, self)
        async with self._served(generation, variant) as supervisor:
            started = await generation.started
        return LocalStream(started, generation.mailbox, lambda: supervisor.cancel(generation.id))

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """A vector for each input. See `InferenceEngine.embed`."""
        result = await self._read(request, EMBED_WITH)
        return Embeddings(result.values, result.prompt_tokens, result.timings, result.served)

    async def rerank(self, request: RerankRequest) -> Ranking:
        """A score for each document. See `InferenceEngine.rerank`."""
        result = await self._read(request, RERANK_WITH)
        scores = struct.unpack(f"<{len(result.values)}f", b"".join(result.values))
        return Ranking(scores, result.prompt_tokens, result.timings, result.served)

    async def _read(self, request: ReadingRequest, kinds: tuple[ModelKind, ...]) -> ReadingResult:
        variant = find_made_for(kinds, self.state.models, request.model, self.state.default_model)
        self._refuse_when_full()
        reading = Reading(request, variant.id, self)
        async with self._served(reading, variant):
            return await reading.result

    @asynccontextmanager
    async def _served(self, job: Job, variant: VariantEntry) -> AsyncIterator[Supervisor]:
        """Give a job to its model, loaded now if need be. Inside the block whoever asked waits for what comes of it:
        an error there is the job's end, and so are leaving and its deadline."""
        self._active[job.id] = job
        try:
            async with asyncio.timeout(job.deadline_s):
                supervisor = self._residency.demand(self.resolve(variant.id), variant)
                if not supervisor.is_ready:
                    job.waits_for_load()
                    await supervisor.ready()
                supervisor.submit(job)
                yield supervisor
        except TimeoutError:
            self._residency.cancel(variant.id, job.id)
            raise job.too_late() from None
        except SparkError as error:
            job.fail(error)
            raise
        except BaseException:
            self._residency.cancel(variant.id, job.id)
            job.withdraw()
            raise

    def cancel(self, request_id: str) -> None:
        """Cancel a request; NotFound when no such request is active."""
        job = self._active.get(request_id)
        if job is None:
            raise NotFound("request_not_found", "No such request", f"{request_id[:100]} is not running.")
        self._residency.cancel(job.entry.model, request_id)

    def _refuse_when_full(self) -> None:
        if self.state.phase != "ready":
            raise Unavailable(
                "engine_not_ready", f"Spark is {self.state.phase}", "It takes no requests now.", "Try again."
            )
        limit = self._config.integer("queue.max_waiting") + self._config.integer("models.slots")
        if len(self._active) >= limit:
            raise Unavailable(
                "queue_full",
                "Too many requests are waiting",
                f"{len(self._active)} requests are running or waiting, and no more than {limit} may.",
                "Try again in a moment.",
            )

    # --- what the parts report (Ledger, Residency, Components) ------------------------------

    def changed(self, entry: RequestEntry) -> None:
        """A row of the list of requests changed."""
        self._bus.publish(RequestChanged(entry))
        self._clock.busy()

    def decoded(self, count: int) -> None:
        """So many tokens just came out of a model."""
        self._figures.rate.add(count, time.monotonic())

    def ended(self, entry: RequestEntry) -> None:
        """A request is over."""
        self._active.pop(entry.id, None)
        self._figures.ended(entry)

    def _on_status(self, variant: str, status: VariantStatus) -> None:
        self._bus.publish(VariantChanged(variant, status))
        if isinstance(status, Ready | LoadFailed):
            self._choose_default()

    def _on_component(self, changed: ComponentChanged) -> None:
        self._bus.publish(changed)
        if self.state.phase == "ready" and not _is_moving(changed.component):
            self.rescan()

    def _sample(self) -> bool:
        """Publish the live figures; whether they are going to change soon."""
        sample = self._sample_now()
        self._bus.publish(MetricsSampled(sample))
        return bool(self._active) or sample.tokens_per_second > 0

    def _sample_now(self) -> MetricsSample:
        running = sum(job.entry.phase == "running" for job in self._active.values())
        return self._figures.sample(running, len(self._active) - running, self._residency.pids.values())


def _usable(component: ComponentEntry) -> bool:
    return isinstance(component.status, Installed | Verified)


def _is_moving(component: ComponentEntry) -> bool:
    return isinstance(component.status, Installing | Removing)
