"""Keeps one variant's runner alive through loading, crashes and restarts, with the requests it serves."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from spark_engine.engine import runner_failures as failures
from spark_engine.engine.backoff import FIRST_DELAY_S, RestartBudget
from spark_engine.engine.crash_reports import RunnerEnd
from spark_engine.engine.job import Job
from spark_engine.engine.runner_process import RunnerProcess
from spark_engine.errors import SparkError
from spark_engine.protocol import PROTOCOL_VERSION
from spark_engine.protocol.messages import (
    Cancel,
    Events,
    FromRunner,
    Hello,
    Load,
    Loaded,
    LoadPlan,
    LoadProgress,
    LoadRefused,
    RunnerStats,
    SequenceEvent,
)
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    Ready,
    Restarting,
    Unloaded,
    Unloading,
    VariantStatus,
    is_moving,
)

log = logging.getLogger(__name__)
RETRY_AFTER_S = 10.0


class Use:
    """Who is told what a supervisor's runner is used for; does nothing by itself."""

    def changed(self) -> None:
        """It became busy or idle, or what it is busy with changed."""

    def ended(self, job: Job) -> None:
        """A job ended that had the runner for itself from start to end."""

    def retreat(self, failed: LoadFailed) -> LoadPlan | None:
        """Its runner cannot go on by its plan: a safer one, or None to stop."""
        return None

    def named(self, device: str) -> str:
        """What the runner runs on, as people are told it."""
        return device

    def died(self, end: RunnerEnd) -> None:
        """The runner ended without being told to."""


class Supervisor:
    """One variant's runner. `on_status` is told every status; the runner is started by `load`, ended by
    `unload`.
    """

    def __init__(
        self, plan: LoadPlan, on_status: Callable[[VariantStatus], None], use: Use | None = None
    ) -> None:
        self.plan = plan
        self.status: VariantStatus = Unloaded()
        self.stats: RunnerStats | None = None
        self._on_status = on_status
        self._changed, self._hurry = asyncio.Event(), asyncio.Event()
        self._budget = RestartBudget()
        self._life: asyncio.Task[None] | None = None
        self._process: RunnerProcess | None = None
        self._use = use or Use()
        self._jobs: dict[str, Job] = {}
        self._beside_others: set[str] = set()
        self._waiting = 0
        self._failed_at = 0.0

    @property
    def pid(self) -> int | None:
        """The runner's process id while there is one."""
        return self._process.pid if self._process else None

    @property
    def is_ready(self) -> bool:
        """Whether a request can be given to it now."""
        return isinstance(self.status, Ready)

    @property
    def idle(self) -> bool:
        """Whether it has no runner and none on the way."""
        return self._life is None or self._life.done()

    @property
    def busy(self) -> bool:
        """Whether a request runs, or waits until it can."""
        return bool(self._jobs) or self._waiting > 0

    def load(self, after: Collection[asyncio.Task[None]] = ()) -> None:
        """Start the runner unless one is there or on its way; first, wait for the end of `after`, which makes room."""
        if self.idle:
            self._budget.reset()
            self._set(Loading(0.0, "making room" if after else "starting"))
            self._life = create_task(self._live(after), name=f"life of {self.plan.variant}")

    def hurry(self) -> None:
        """Start a runner that died at once, however often it did."""
        self._budget.reset()
        self._hurry.set()

    async def unload(self) -> None:
        """End the runner; its requests fail with `model_unloaded`."""
        self._set(Unloading())
        await cancel_and_wait(self._life)
        self._life = None
        self._fail_all(failures.unloaded(self.plan.variant))
        self._set(Unloaded())

    def refuse_after_failure(self) -> None:
        """Unavailable with the reason when loading failed in the last seconds: do not try on every
        request.
        """
        if isinstance(self.status, LoadFailed) and time.monotonic() - self._failed_at < RETRY_AFTER_S:
            raise failures.refusal(self.status)

    async def ready(self) -> Ready:
        """Wait until the model answers; Unavailable when it does not come to that."""
        self._waiting += 1
        self._use.changed()
        try:
            while is_moving(self.status):
                await self._changed.wait()
        finally:
            self._waiting -= 1
            self._use.changed()
        return self._answering()

    async def first_ready(self) -> Ready:
        """As `ready`, but a runner that dies is not waited for a second time."""
        while is_moving(self.status) and not isinstance(self.status, Restarting):
            await self._changed.wait()
        return self._answering()

    def submit(self, job: Job) -> None:
        """Give a request to the runner; Unavailable when it is not ready (any more)."""
        if not isinstance(self.status, Ready) or self._process is None:
            raise failures.crashed(self.plan.variant)
        if self._jobs:
            self._beside_others |= {job.id, *self._jobs}
        self._jobs[job.id] = job
        self._use.changed()
        job.submitted(self.status.device)
        self._process.send(job.command)

    def cancel(self, id: str) -> None:
        """Stop a request within one step."""
        if id in self._jobs and self._process is not None:
            self._process.send(Cancel(id))

    def _answering(self) -> Ready:
        match self.status:
            case Ready():
                return self.status
            case LoadFailed():
                raise failures.refusal(self.status)
            case Restarting(_, _, reason):
                raise failures.died(self.plan.variant, reason)
            case _:
                raise failures.unloaded(self.plan.variant)

    async def _live(self, after: Collection[asyncio.Task[None]]) -> None:
        """Runs runners one after the other until one refuses, the budget is spent, or `unload` cancels
        this.
        """
        if after:
            await asyncio.wait(after)
            self._set(Loading(0.0, "starting"))
        while True:
            outcome = self._eased(await self._run_once())
            self._set(outcome)
            self._fail_all(failures.crashed(self.plan.variant))
            if isinstance(outcome, LoadFailed):
                return
            await self._pause(outcome.delay_s)
            self._set(Loading(0.0, "starting"))

    async def _pause(self, seconds: float) -> None:
        self._hurry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    async def _run_once(self) -> LoadFailed | Restarting:
        """One runner from start to end; what follows from how it ended."""
        began = time.perf_counter()
        try:
            self._process = process = await RunnerProcess.start(self.plan.variant)
        except OSError as error:
            return LoadFailed(failures.NOT_STARTED, "The model's process cannot start", str(error))
        try:
            process.send(Load(self.plan))
            async for message in process.messages():
                if (refused := self._take(message, began)) is not None:
                    return refused
            how = await process.end()
            ran_s = time.perf_counter() - began
            self._use.died(RunnerEnd(self.plan, process.pid, process.status, ran_s, process.last_words))
            return self._after_death(how, process.evidence)
        finally:
            self._process, self.stats = None, None
            await process.end()

    def _eased(self, outcome: LoadFailed | Restarting) -> LoadFailed | Restarting:
        """Instead of giving up, go on by a safer plan if there is one."""
        if isinstance(outcome, Restarting) or (plan := self._use.retreat(outcome)) is None:
            return outcome
        self.plan = plan
        self._budget.reset()
        return Restarting(1, FIRST_DELAY_S, f"{outcome.message} It goes on more safely.", outcome.evidence)

    def _after_death(self, how: str, evidence: str) -> LoadFailed | Restarting:
        log.warning("runner of %s died: %s", self.plan.variant, how)
        delay = self._budget.next_delay(time.monotonic())
        if delay is None:
            return failures.crash_loop(self.plan.variant, how, evidence)
        return Restarting(self._budget.attempt, delay, f"The model's process ended ({how}).", evidence)

    def _take(self, message: FromRunner, began: float) -> LoadFailed | None:
        match message:
            case Events(events):
                for event in events:
                    self._deliver(event.id, event)
            case RunnerStats():
                self.stats = message
            case LoadProgress(fraction, step):
                self._set(Loading(fraction, step))
            case Loaded():
                self._set(self._as_ready(message, began))
            case LoadRefused(code, title, text, remedy):
                return LoadFailed(code, title, text, remedy, self._process.evidence if self._process else "")
            case Hello(protocol):
                return None if protocol == PROTOCOL_VERSION else failures.wrong_protocol(protocol)
        return None

    def _deliver(self, id: str, event: SequenceEvent) -> None:
        job = self._jobs.get(id)
        if job is not None:
            job.take(event)
            if job.over:
                self._forget(job)

    def _forget(self, job: Job) -> None:
        del self._jobs[job.id]
        if job.id not in self._beside_others:
            self._use.ended(job)
        self._beside_others.discard(job.id)
        self._use.changed()

    def _as_ready(self, loaded: Loaded, began: float) -> Ready:
        load_ms = (time.perf_counter() - began) * 1000
        log.info("%s ready on %s after %.0f ms", self.plan.variant, loaded.device, load_ms)
        return Ready(
            self._use.named(loaded.device),
            loaded.context,
            loaded.slots,
            loaded.memory_bytes,
            load_ms,
            self.pid or 0,
        )

    def _fail_all(self, error: SparkError) -> None:
        for job in self._jobs.values():
            job.fail(error)
        self._jobs.clear()
        self._beside_others.clear()
        self._use.changed()

    def _set(self, status: VariantStatus) -> None:
        self.status = status
        if isinstance(status, LoadFailed):
            self._failed_at = time.monotonic()
        self._on_status(status)
        self._changed.set()
        self._changed = asyncio.Event()
