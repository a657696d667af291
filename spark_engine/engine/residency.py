"""Which models are in memory: loads are admitted by their fit, idle models go after a time or to make room."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from spark_engine.config.load import Config
from spark_engine.engine import runner_failures
from spark_engine.engine.admission import Admission, Admitted, Inspect, load_plan
from spark_engine.engine.crash_reports import RunnerEnd
from spark_engine.engine.load_options import SavedOptions, check, over
from spark_engine.engine.resident import Resident, Retreat
from spark_engine.engine.seats import Seat
from spark_engine.engine.speeds import Speeds
from spark_engine.engine.supervisor import Supervisor
from spark_engine.errors import SparkError
from spark_engine.hardware.memory import Memory, read_memory
from spark_engine.protocol.messages import RunnerStats
from spark_engine.tasks import create_task
from spark_engine.types.fit import Fit
from spark_engine.types.models import (
    LoadFailed,
    ModelEntry,
    Restarting,
    Unloading,
    VariantEntry,
    VariantStatus,
)
from spark_engine.types.options import LoadOptions


class Residency:
    """Loads and unloads variants; `on_status(variant id, status)` is told what becomes of each.

    `inspect` gives what a variant's files say of themselves, None while they were not read. `seats` says where a
    variant is to compute, and `on_trouble` where instead when its runner cannot go on there. A variant has one runner;
    while another takes over from it, and until what the old one runs is done, it has two. `on_end` is told of runners
    that ended without being told to.
    """

    def __init__(
        self,
        config: Config,
        on_status: Callable[[str, VariantStatus], None],
        *,
        options: SavedOptions | None = None,
        speeds: Speeds | None = None,
        inspect: Inspect = lambda variant: None,
        memory: Callable[[], Memory] = read_memory,
        seats: Callable[[VariantEntry], Seat] = lambda variant: Seat(),
        on_trouble: Retreat | None = None,
        on_end: Callable[[RunnerEnd], None] = lambda end: None,
    ) -> None:
        self._on_status, self._seats, self._on_trouble, self._on_end = on_status, seats, on_trouble, on_end
        self.options = options or SavedOptions(config)
        self._speeds = speeds or Speeds()
        self._admission = Admission(config, self._speeds, inspect, memory)
        self._residents: dict[str, Resident] = {}
        self._seconds: list[Resident] = []
        self._unloads: dict[asyncio.Task[None], Resident] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Runner process ids by variant; the second runner of one stands under its id and a word."""
        all = [*self._residents.items(), *((f"{r.variant.id} (second)", r) for r in self._seconds)]
        return {id: pid for id, r in all if (pid := r.supervisor.pid) is not None}

    @property
    def stats(self) -> dict[str, RunnerStats]:
        """What each runner last said about itself, by variant."""
        return {id: said for id, r in self._residents.items() if (said := r.supervisor.stats) is not None}

    @property
    def seats(self) -> dict[str, Seat]:
        """Where each variant that is loaded, or being loaded, computes."""
        return {r.variant.id: r.seat for r in self._living() if self._residents[r.variant.id] is r}

    @property
    def free_bytes(self) -> int:
        """Memory for another model, with what idle ones would make free."""
        room = self._admission.room(self._living(), self._unloads.values())
        return max(0, room.free + room.spare)

    def status(self, id: str) -> VariantStatus | None:
        """The live status of a variant; None when it was never loaded."""
        resident = self._residents.get(id)
        return resident.supervisor.status if resident else None

    def fit(self, model: ModelEntry, variant: VariantEntry, options: LoadOptions | None = None) -> Fit:
        """How a variant fits, with its saved options or others over them, beside the models that stay; one that is
        loaded counts its own memory as free. InvalidRequest when an option is out of its range."""
        if options is not None:
            check(options)
        return self._fit(model, variant, options or LoadOptions(), self.free_bytes)

    def fits(self, models: Iterable[ModelEntry]) -> dict[str, Fit]:
        """How every variant of these models fits, by its id: as `fit`, all against the same memory."""
        free, plain = self.free_bytes, LoadOptions()
        return {v.id: self._fit(model, v, plain, free) for model in models for v in model.variants}

    def load(self, model: ModelEntry, variant: VariantEntry) -> Supervisor:
        """The variant's supervisor, loading or loaded; what failed before is tried again. NotEnoughMemory when it does
        not fit, nor would without the idle models; those that have to go are unloaded first."""
        resident = self._living_one(variant.id)
        if resident is None:
            seat = self._seats(variant)
            resident = self._new(model, variant, self._admit(model, variant), seat, self._on_trouble)
            self._residents[variant.id] = resident
        resident.supervisor.load(after=tuple(self._unloads))
        return resident.supervisor

    def demand(self, model: ModelEntry, variant: VariantEntry) -> Supervisor:
        """As `load`, for a request: Unavailable when the variant failed a moment ago."""
        resident = self._residents.get(variant.id)
        if resident is not None and resident.supervisor.idle:
            resident.supervisor.refuse_after_failure()
        return self.load(model, variant)

    async def hand_over(self, id: str, seat: Seat) -> None:
        """Load a variant that is ready on another seat as well; when that runner answers it takes over, and the one
        before ends with its last request. SparkError when it does not come to that: then all stays as it was."""
        old = self._living_one(id)
        if old is None:
            return
        with suppress(SparkError):
            await old.supervisor.ready()
        if self._living_one(id) is not old or not old.supervisor.is_ready:
            return
        old.stays = True
        try:
            new = await self._second(old, seat)
        except BaseException:
            old.stays = False
            old.changed()
            raise
        self._residents[id] = new
        new.on_trouble = self._on_trouble
        self._seconds.append(old)
        old.leave()
        self._on_status(id, new.supervisor.status)

    def revive(self) -> None:
        """Start every runner at once that died, those too that were given up: what broke them may be over."""
        for resident in tuple(self._residents.values()):
            status = resident.supervisor.status
            if isinstance(status, Restarting):
                resident.supervisor.hurry()
            elif isinstance(status, LoadFailed) and status.code == runner_failures.CRASH_LOOP:
                with suppress(SparkError):  # there is no room for it any more
                    self.load(resident.model, resident.variant)

    def unload(self, id: str) -> None:
        """Begin to end a variant's runners; nothing happens when there is none."""
        for resident in self._all(id):
            self._end(resident)

    async def ended(self, id: str) -> None:
        """Unload a variant and wait until its runner has let go of the files."""
        self.unload(id)
        await asyncio.gather(*(task for task, ending in self._unloads.items() if ending.variant.id == id))

    def free_memory(self) -> tuple[str, ...]:
        """Begin to unload every model that is idle and not pinned; their ids."""
        spare = tuple(id for id, resident in self._residents.items() if resident.is_spare)
        for id in spare:
            self.unload(id)
        return spare

    def options_changed(self, id: str) -> None:
        """The options of a model or variant were saved anew; they hold at once as far as they can."""
        for variant, resident in self._residents.items():
            if id in (variant, variant.partition(":")[0]):
                resident.keep(self.options.effective(variant))

    def cancel(self, variant: str, request_id: str) -> None:
        """Stop a generation of a variant's runner."""
        for resident in self._all(variant):
            resident.supervisor.cancel(request_id)

    async def close(self) -> None:
        """End every runner."""
        for id in self._residents:
            self.unload(id)
        for resident in tuple(self._seconds):
            self._end(resident)
        await asyncio.gather(*self._unloads)

    def _living(self) -> list[Resident]:
        """Those that have memory, or will."""
        ending = list(self._unloads.values())
        all = [*self._residents.values(), *self._seconds]
        return [r for r in all if not r.supervisor.idle and r not in ending]

    def _all(self, id: str) -> list[Resident]:
        """Every runner of a variant."""
        first = self._residents.get(id)
        return [*([first] if first else []), *(r for r in self._seconds if r.variant.id == id)]

    def _end(self, resident: Resident) -> None:
        if isinstance(resident.supervisor.status, Unloading):
            return
        task = create_task(resident.supervisor.unload(), name=f"unload {resident.variant.id}")
        self._unloads[task] = resident
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        resident = self._unloads.pop(task)
        if resident in self._seconds:
            self._seconds.remove(resident)

    async def _second(self, old: Resident, seat: Seat) -> Resident:
        """A second runner of a variant, ready; SparkError when it could not be."""
        new = self._new(old.model, old.variant, self._admit(old.model, old.variant), seat, None)
        self._seconds.append(new)
        new.supervisor.load(after=tuple(self._unloads))
        try:
            await new.supervisor.first_ready()
        except BaseException:
            self._end(new)
            raise
        self._seconds.remove(new)
        return new

    def _living_one(self, id: str) -> Resident | None:
        resident = self._residents.get(id)
        return resident if resident is not None and resident in self._living() else None

    def _fit(self, model: ModelEntry, variant: VariantEntry, options: LoadOptions, free_bytes: int) -> Fit:
        resident = self._living_one(variant.id)
        own = resident.claim if resident is not None and not resident.is_spare else 0
        chosen = over(self.options.effective(variant.id), options)
        return self._admission.fit(model, variant, chosen, free_bytes + own)

    def _admit(self, model: ModelEntry, variant: VariantEntry) -> Admitted:
        """Make sure of the memory for a load; what has to go begins to end."""
        admitted = self._admission.admit(
            model,
            variant,
            self.options.effective(variant.id),
            self._living(),
            self._unloads.values(),
            context_is_chosen=self.options.chose_context(variant.id),
        )
        for id in admitted.unload:
            self.unload(id)
        return admitted

    def _new(
        self,
        model: ModelEntry,
        variant: VariantEntry,
        admitted: Admitted,
        seat: Seat,
        on_trouble: Retreat | None,
    ) -> Resident:
        def told(status: VariantStatus) -> None:
            if self._residents[variant.id] is resident:  # one on trial or still ending is not asked
                self._on_status(variant.id, status)

        resident = Resident(
            (model, variant),
            load_plan(model, variant, self.options.effective(variant.id), admitted),
            told,
            lambda: self._end(resident),
            facts=self._admission.facts(model, variant),
            fit=admitted.fit,
            options=self.options.effective(variant.id),
            speeds=self._speeds,
            seat=seat,
            on_trouble=on_trouble,
            on_end=self._on_end,
        )
        return resident
