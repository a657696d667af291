"""One variant in memory: its runner, what it holds and may still take, and when it was last wanted."""

import asyncio
import time
from collections.abc import Callable

from msgspec.structs import replace

from spark_engine.catalog.fit import Facts
from spark_engine.engine.crash_reports import RunnerEnd
from spark_engine.engine.eviction import Occupant
from spark_engine.engine.job import Job
from spark_engine.engine.seats import Seat
from spark_engine.engine.speeds import Speeds
from spark_engine.engine.supervisor import Supervisor, Use
from spark_engine.hardware.memory import Held, held_by
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.fit import Fit
from spark_engine.types.models import LoadFailed, ModelEntry, Ready, VariantEntry, VariantStatus
from spark_engine.types.options import LoadOptions

Retreat = Callable[[VariantEntry, Seat, LoadPlan, LoadFailed], Seat | None]
"""Asked when a variant's runner cannot go on: a safer seat for it, or None to stop."""


class Resident(Use):
    """`fit` is what its load was admitted with. `unload` is called when nobody wanted it for its time to live, or when
    it has left. `stays`: it may not go now, since another runner is to take over from it, or already has.
    `on_trouble` is None while it is on trial beside another: then it is not to be helped. `on_end` is told of every
    runner that ended without being told to.
    """

    def __init__(
        self,
        of: tuple[ModelEntry, VariantEntry],
        plan: LoadPlan,
        on_status: Callable[[VariantStatus], None],
        unload: Callable[[], None],
        *,
        facts: Facts,
        fit: Fit,
        options: LoadOptions,
        speeds: Speeds,
        seat: Seat | None = None,
        on_trouble: Retreat | None = None,
        on_end: Callable[[RunnerEnd], None] = lambda end: None,
    ) -> None:
        self.model, self.variant = of
        self.fit, self.options, self.seat, self.on_trouble = fit, options, seat or Seat(), on_trouble
        self.stays = False
        self._leaves = False
        self._on_end = on_end
        self._facts, self._speeds, self._unload, self._on_status = facts, speeds, unload, on_status
        self._used_at = time.monotonic()
        self._expiry: asyncio.TimerHandle | None = None
        self._plan = plan
        self.supervisor = Supervisor(self.seat.planned(plan), self._told, self)

    @property
    def is_idle(self) -> bool:
        """Whether it is loaded and nobody waits for it."""
        return isinstance(self.supervisor.status, Ready) and not self.supervisor.busy

    @property
    def is_spare(self) -> bool:
        """Whether it may be unloaded when its memory is wanted."""
        return self.is_idle and not self.options.pinned and not self.stays

    @property
    def held(self) -> Held:
        """What its runner holds now."""
        return held_by(self.supervisor.pid)

    @property
    def claim(self) -> int:
        """Bytes that are its own, as `claimed` says."""
        stats, status = self.supervisor.stats, self.supervisor.status
        return claimed(self.fit, self.held, stats.kv_bytes if stats else 0, loaded=isinstance(status, Ready))

    @property
    def occupant(self) -> Occupant:
        """As those see it who look for room."""
        status = self.supervisor.status
        reload_s = status.load_ms / 1000 if isinstance(status, Ready) else 0.0
        return Occupant(
            self.supervisor.plan.variant, self.claim, self._used_at, reload_s, stays=not self.is_spare
        )

    def keep(self, options: LoadOptions) -> None:
        """Its options were changed: what concerns how long it is kept holds at once, the rest at its next load."""
        self.options = options
        self._watch_time()

    def leave(self) -> None:
        """Another has taken over: finish what runs, then end."""
        self.stays = self._leaves = True
        self.on_trouble = None
        self.changed()

    def changed(self) -> None:
        """It became busy or idle."""
        self._used_at = time.monotonic()
        self._watch_time()
        if self._leaves:
            asyncio.get_running_loop().call_soon(self._go)  # whoever waited for it submits before

    def retreat(self, failed: LoadFailed) -> LoadPlan | None:
        """The plan for a safer seat, if whoever cares for it has one."""
        seat = self.on_trouble and self.on_trouble(self.variant, self.seat, self.supervisor.plan, failed)
        if not seat:
            return None
        self.seat = seat
        return seat.planned(self._plan)

    def died(self, end: RunnerEnd) -> None:
        """The runner ended without being told to."""
        self._on_end(replace(end, choice=self.seat.choice))

    def named(self, device: str) -> str:
        """With the threads that its seat prescribes."""
        return self.seat.named(device) if self.supervisor.plan.threads == self.seat.threads else device

    def ended(self, job: Job) -> None:
        """A job ended that had the runner for itself."""
        status = self.supervisor.status
        if isinstance(status, Ready):
            self._speeds.take(self._facts, status.device, job.entry)

    def _told(self, status: VariantStatus) -> None:
        self.changed()
        self._on_status(status)

    def _watch_time(self) -> None:
        """Begin to wait for the end of its time to live, or stop waiting."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.is_spare and self.options.keep_alive_s:
            left = self._used_at + self.options.keep_alive_s - time.monotonic()
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, left), self._expire)

    def _go(self) -> None:
        if not self.supervisor.busy and not self.supervisor.idle:
            self._unload()

    def _expire(self) -> None:
        self._expiry = None
        if self.is_spare:
            self._unload()


def claimed(fit: Fit, held: Held, kv_bytes: int, *, loaded: bool) -> int:
    """Bytes that no other model may count on. Until a model is loaded, what was predicted. Then what it holds, with the
    pages of its files as far as its weights are not held in other ways, and the cache of a full context."""
    if not loaded:
        return max(fit.needed_bytes, held.own)
    weights = min(held.mapped, max(0, fit.weights_bytes - held.own))
    return held.own + weights + max(0, fit.cache_bytes - kv_bytes)
