"""The requests an engine serves: each is given to its model's runner and followed until its end.

The life of a request: 1 `submit` resolves the model → 2 the queue takes it or refuses, and holds it while serving or
its app is paused → 3 a runner is loaded if need be → 4 the runner tokenizes and accepts → 5 the caller has a stream →
6 deltas arrive and merge in its mailbox → 7 the end arrives, or the caller leaves and the runner stops within a step →
8 the row in the list is final.
"""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from msgspec.structs import replace

from spark_engine.config.load import Config
from spark_engine.engine.apps import Apps
from spark_engine.engine.bus import Bus
from spark_engine.engine.callers import Caller
from spark_engine.engine.generation import Generation
from spark_engine.engine.job import Job
from spark_engine.engine.metrics import Figures
from spark_engine.engine.placement import find_made_for
from spark_engine.engine.reading import Reading, ReadingResult
from spark_engine.engine.residency import Residency
from spark_engine.engine.sampling_clock import SamplingClock
from spark_engine.engine.stream import LocalStream
from spark_engine.engine.supervisor import Supervisor
from spark_engine.engine.waiting_for_load import LoadWaits
from spark_engine.errors import NotFound, SparkError, Unavailable
from spark_engine.types.embeddings import EmbeddingRequest, Embeddings, Ranking, ReadingRequest, RerankRequest
from spark_engine.types.generation import GenerationRequest
from spark_engine.types.ids import parse_model_ref
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.models import ModelKind, VariantEntry
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import EngineState, MetricsSampled, RequestChanged, RequestsSampled

EMBED_WITH: tuple[ModelKind, ...] = ("embedder", "generator")
RERANK_WITH: tuple[ModelKind, ...] = ("reranker", "embedder", "generator")


class Serving:
    """Every request that waits or runs, and the figures of them all."""

    def __init__(self, config: Config, bus: Bus, residency: Residency, apps: Apps | None = None) -> None:
        self._config, self._apps = config, apps or Apps()
        self._bus, self._residency = bus, residency
        self._figures = Figures()
        self._active: dict[str, Job] = {}
        self._callers: dict[str, Caller] = {}
        self._loads = LoadWaits()
        self.clock = SamplingClock(self._sample)
        self.remember: Callable[[RequestEntry], None] = lambda entry: None

    # --- requests ------------------------------------------------------------------------------------------

    async def submit(self, request: GenerationRequest) -> LocalStream:
        """Accept a generation; returns once the model took the prompt. See `InferenceEngine.submit`."""
        variant = self._chosen(("generator",), request.model)
        caller = self._apps.caller(request.client)
        generation = Generation(replace(request, client=caller.name), variant.id, self)
        async with self._served(generation, variant, caller) as supervisor:
            started = await generation.started
        started = replace(started, chosen=request.chosen)
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

    def cancel(self, request_id: str) -> None:
        """Cancel a request; NotFound when no such request is active."""
        job = self._active.get(request_id)
        if job is None:
            raise NotFound("request_not_found", "No such request", f"{request_id[:100]} is not running.")
        if not (self._apps.cancel(request_id) or self._loads.cancel(request_id)):
            self._residency.cancel(job.entry.model, request_id)

    async def _read(self, request: ReadingRequest, kinds: tuple[ModelKind, ...]) -> ReadingResult:
        variant = self._chosen(kinds, request.model)
        caller = self._apps.caller(request.client)
        reading = Reading(replace(request, client=caller.name), variant.id, self)
        async with self._served(reading, variant, caller):
            return await reading.result

    def _chosen(self, kinds: tuple[ModelKind, ...], model: str) -> VariantEntry:
        """The variant that serves a request; refuses what cannot be served and what would be one too many."""
        state = self._bus.state
        variant = find_made_for(kinds, state.models, model, state.default_model)
        self._refuse_when_full(state)
        return variant

    @asynccontextmanager
    async def _served(self, job: Job, variant: VariantEntry, caller: Caller) -> AsyncIterator[Supervisor]:
        """Give a job to its model, loaded now if need be. Inside the block whoever asked waits for what comes of it:
        an error there is the job's end, and so are leaving and its deadline."""
        self._active[job.id], self._callers[job.id] = job, caller
        if caller.app is None:
            caller.then(lambda app: job.show_client(caller.name))
        try:
            async with asyncio.timeout(job.deadline_s):
                await self._apps.let_through(caller, job.id)
                job.count_for(caller.client, caller.later)
                model = self._bus.state.models[parse_model_ref(variant.id).model]
                supervisor = self._residency.demand(model, variant)
                if not supervisor.is_ready:
                    job.waits_for_load()
                    await self._loads.until_ready(job.id, supervisor)
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

    def _refuse_when_full(self, state: EngineState) -> None:
        if state.phase != "ready":
            raise Unavailable(
                "engine_not_ready", f"Spark is {state.phase}", "It takes no requests now.", "Try again."
            )
        limit = self._config.integer("queue.max_waiting") + self._config.integer("models.slots")
        if len(self._active) >= limit:
            raise Unavailable(
                "queue_full",
                "Too many requests are waiting",
                f"{len(self._active)} requests are running or waiting, and no more than {limit} may.",
                "Try again in a moment.",
            )

    # --- what the requests report (Ledger) -----------------------------------------------------------------

    def changed(self, entry: RequestEntry) -> None:
        """A row of the list of requests changed."""
        self._bus.publish(RequestChanged(entry))
        self.clock.busy()

    def decoded(self, count: int) -> None:
        """So many tokens just came out of a model."""
        self._figures.rate.add(count, time.monotonic())

    def ended(self, entry: RequestEntry) -> None:
        """A request is over."""
        self._active.pop(entry.id, None)
        if (caller := self._callers.pop(entry.id, None)) is not None:
            self._apps.worked(caller, entry)
        self._figures.ended(entry)
        self.remember(entry)

    # --- live figures --------------------------------------------------------------------------------------

    @property
    def is_quiet(self) -> bool:
        """Whether no request waits or runs, nor did a moment ago."""
        return not self._active and not self._figures.rate.per_second(time.monotonic())

    def sample(self) -> MetricsSample:
        """The live figures now."""
        running = sum(job.entry.phase == "running" for job in self._active.values())
        return self._figures.sample(running, len(self._active) - running, self._residency.pids.values())

    def prometheus(self) -> bytes:
        """Metrics in Prometheus' text format."""
        return self._figures.prometheus(self.sample(), self._residency.pids, self._residency.stats)

    def _sample(self) -> bool:
        """Publish the live figures; whether they are going to change soon."""
        sample = self.sample()
        self._bus.publish(MetricsSampled(sample))
        if self._active or self._bus.state.queue:
            queue = tuple(id for said in self._residency.stats.values() for id in said.queue)
            tokens = {id: job.tokens for id, job in self._active.items() if job.tokens}
            self._bus.publish(RequestsSampled(tuple(id for id in queue if id in self._active), tokens))
        return bool(self._active) or sample.tokens_per_second > 0
