"""Acceleration: what there is, what was checked, what is used, and changing it while models answer."""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from spark_engine.engine.acceleration_checks import Checks, Wanted, needs_check
from spark_engine.engine.acceleration_choice import chosen, may_run, refuse_unusable
from spark_engine.engine.acceleration_machine import read_machine
from spark_engine.engine.acceleration_moves import Moves
from spark_engine.engine.acceleration_offers import offers
from spark_engine.engine.acceleration_picture import Offering, Picture, backend_of, no_accelerator
from spark_engine.engine.acceleration_problems import problems_of
from spark_engine.engine.acceleration_record import Memory, Wish
from spark_engine.engine.acceleration_watch import Watch
from spark_engine.engine.acceleration_ways import WAYS, BackendWays
from spark_engine.engine.bus import Bus
from spark_engine.engine.canary import Canary
from spark_engine.engine.ladder import Ladder
from spark_engine.engine.residency import Residency
from spark_engine.engine.seats import Seat
from spark_engine.engine.speeds import Speeds
from spark_engine.errors import Conflict, NotFound, SparkError
from spark_engine.paths import BaseDir
from spark_engine.protocol.messages import LoadPlan
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.acceleration import (
    AUTO_CHOICE,
    CPU_CHOICE,
    AccelerationBackend,
    AccelerationChoice,
    SwitchFailed,
    Switching,
)
from spark_engine.types.hardware import HardwareReading
from spark_engine.types.models import LoadFailed, Ready, VariantEntry
from spark_engine.types.state import AccelerationChanged, ProblemCleared, ProblemRaised, find_variant


class Acceleration:
    """Every backend with its choices. Commands return at once; what comes of them is published."""

    def __init__(
        self,
        bus: Bus,
        residency: Residency,
        speeds: Speeds,
        base: BaseDir,
        *,
        canary: Canary | None = None,
        offering: Offering | None = None,
        ladder: Callable[[Callable[[str], None]], Ladder] = Ladder,
    ) -> None:
        self._bus, self._residency = bus, residency
        self._memory = Memory(base)
        self._picture = Picture(self._memory, speeds, lambda: bus.state.models, offering or offers)
        self._checks = Checks(self._memory, canary or Canary(), self._checked)
        self._ladder = ladder(self._stepped)
        self._moves = Moves(residency, self._picture, self.seat, self._stuck)
        self._switching: dict[str, Switching] = {}
        self._switches: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, SwitchFailed] = {}
        self._watch = Watch()
        self._renewal: asyncio.Task[None] | None = None

    # --- life ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Find out what there is; check again, in the background, what changed since it was checked."""
        await self.renew()

    def notice(self, reading: HardwareReading) -> None:
        """A new reading of the hardware: look again when other devices are there."""
        if self._watch.notice(reading):
            self._renewal = create_task(self.renew(), name="look at acceleration anew")

    def wake(self) -> None:
        """The machine slept: no trial of an accelerator counts until it is made again."""
        self._renewal = create_task(self.renew(slept=True), name="look at acceleration after a sleep")

    async def close(self) -> None:
        """End every check and change."""
        self._ladder.close()
        await cancel_and_wait(self._renewal, *self._switches.values())
        await self._moves.close()
        await self._checks.close()

    async def renew(self, *, slept: bool = False) -> None:
        """Libraries, drivers or hardware may be others now, or the machine `slept`."""
        hardware = self._bus.state.hardware
        devices = hardware.accelerators if hardware.at else None
        machine = await asyncio.to_thread(read_machine, self._bus.state.components, devices)
        self._picture.take(machine, slept=slept)
        self._checks.begin([one for one in self._picture.offers() if self._needs_check(one)])
        for backend in WAYS:
            self._changed(backend)

    def refresh(self) -> None:
        """Models were loaded or went: say anew what is in use."""
        for backend in WAYS:
            self._publish(backend)

    # --- where models run ----------------------------------------------------------------------------------

    def seat(self, variant: VariantEntry) -> Seat:
        """Where a variant is to compute now. Unavailable when nothing that may be used is there."""
        return self._ladder.seat(variant.id) or self._picture.seat(variant)

    def retreat(self, variant: VariantEntry, seat: Seat, plan: LoadPlan, failed: LoadFailed) -> Seat | None:
        """A safer seat for a variant whose runner cannot go on; None to stop. See `Ladder`."""
        if backend_of(variant) is None:
            return None
        return self._ladder.down(variant.id, seat, plan.context, failed, self._picture.below(variant, seat))

    # --- commands ------------------------------------------------------------------------------------------

    def verify(self, backend: str = "", choice: str = "") -> tuple[str, ...]:
        """Begin to check a choice, all of a backend, or all there are; what is checked, as `onnx/cuda`.

        NotFound, or Conflict when the named choice is not installed. Models that had stepped down climb back.
        """
        if backend:
            self._known(backend)
        wanted = [w for w in self._picture.offers() if not backend or w.backend == backend]
        if choice:
            offer = self._picture.offer(backend, choice)
            _refuse_absent(offer.choice)
            wanted = [Wanted(backend, offer)]
        wanted = [one for one in wanted if one.offer.choice.installed]
        for one in {w.backend for w in wanted}:
            self._climb(one)
        self._checks.begin(wanted)
        return tuple("/".join(one.place) for one in wanted)

    def select(self, backend: str, choice: str, *, strict: bool | None = None) -> None:
        """Begin to use a choice, or `auto`, for a backend's models; those that are loaded are handed over, an unchecked
        choice is checked first. `strict` None leaves that as it is.

        NotFound, Conflict when it cannot be used or another change of the backend runs.
        """
        found, wish = self._known(backend), self._memory.wish(backend)
        wanted = Wish(choice, wish.strict if strict is None else strict)
        if choice == AUTO_CHOICE:
            self._target(found, wanted)
        else:
            refuse_unusable(self._picture.with_trial(backend, self._picture.offer(backend, choice)))
        if backend in self._switching:
            raise Conflict(
                "acceleration_busy",
                f"{found.name} is being changed",
                "Another change of it is under way.",
                "Wait for its end.",
            )
        self._failed.pop(backend, None)
        self._climb(backend)
        self._step(found, Switching(choice, "starting"))
        self._switches[backend] = create_task(self._switch(found, wanted), name=f"switch {backend}")

    # --- changing ------------------------------------------------------------------------------------------

    async def _switch(self, backend: BackendWays, wanted: Wish) -> None:
        try:
            await self._ensure_checked(backend, wanted.choice)
            seat = self._picture.offer(backend.id, self._target(backend, wanted)).seat
            self._step(backend, Switching(wanted.choice, "loading beside what runs"))
            await self._moves.all(backend.id, seat)
            self._memory.keep_wish(backend.id, wanted)
        except SparkError as error:
            self._failed[backend.id] = _failure(wanted.choice, error)
        finally:
            del self._switching[backend.id]
        self._changed(backend)

    def _target(self, backend: BackendWays, wanted: Wish) -> str:
        """What the wish comes to; Unavailable when it leaves nothing."""
        id, why = chosen(wanted, self._picture.choices(backend), self._picture.measured(backend))
        if not id:
            raise no_accelerator(backend, why)
        return id

    async def _ensure_checked(self, backend: BackendWays, choice: str) -> None:
        """Conflict when a check, made now if need be, says that it must not be used."""
        if choice in (AUTO_CHOICE, CPU_CHOICE):
            return
        offer = self._picture.offer(backend.id, choice)
        if not may_run(self._picture.with_trial(backend.id, offer)):
            self._step(backend, Switching(choice, "checking with spark-nano"))
            await self._checks.outcome(Wanted(backend.id, offer))
        refuse_unusable(self._picture.with_trial(backend.id, self._picture.offer(backend.id, choice)))

    def _climb(self, backend: str) -> None:
        self._ladder.forget(self._picture.variants(backend))

    def _needs_check(self, one: Wanted) -> bool:
        return needs_check(
            self._picture.with_trial(one.backend, one.offer), self._memory.wish(one.backend).choice
        )

    # --- what the parts report -----------------------------------------------------------------------------

    def _checked(self, place: tuple[str, str], *, done: bool) -> None:
        if done:
            self._picture.checked(place)
        self._changed(_BACKENDS[place[0]])

    def _stepped(self, variant: str) -> None:
        found = find_variant(self._bus.state, variant)
        if found is not None and (backend := backend_of(found)) is not None:
            self._changed(backend)

    def _stuck(self, backend: str, error: SparkError) -> None:
        """A model stays where it does not belong; what belongs to a wish is told as its failure."""
        choice, _ = self._picture.chosen(_BACKENDS[backend])
        self._failed[backend] = _failure(choice, error)
        self._publish(_BACKENDS[backend])

    def _step(self, backend: BackendWays, switching: Switching) -> None:
        self._switching[backend.id] = switching
        self._publish(backend)

    def _changed(self, backend: BackendWays) -> None:
        """Something is known anew: tell it, and bring loaded models to where they belong now."""
        self._publish(backend)
        if backend.id not in self._switching:
            self._moves.settle(backend.id)

    # --- telling -------------------------------------------------------------------------------------------

    def _known(self, backend: str) -> BackendWays:
        if backend not in _BACKENDS:
            raise NotFound(
                "backend_not_found",
                "No such backend",
                f"There is no backend {backend[:100]!r}.",
                f"Choose one of {', '.join(_BACKENDS)}.",
                param="backend",
            )
        return _BACKENDS[backend]

    def _publish(self, backend: BackendWays) -> None:
        """Tell what changed of a backend, and of the problems it stands for."""
        before, now = self._bus.state.acceleration.get(backend.id), self._entry(backend)
        if now == before:
            return
        self._bus.publish(AccelerationChanged(now))
        old = {p.id for p in problems_of(before)} if before else set()
        new = {p.id: p for p in problems_of(now)}
        for id in old - new.keys():
            self._bus.publish(ProblemCleared(id))
        for problem in new.values():
            if self._bus.state.problems.get(problem.id) != problem:
                self._bus.publish(ProblemRaised(problem))

    def _entry(self, backend: BackendWays) -> AccelerationBackend:
        wish, (id, why) = self._memory.wish(backend.id), self._picture.chosen(backend)
        used = self._in_use(backend)
        choices = tuple(
            replace(c, in_use=c.id in used, checking=self._checks.step(backend.id, c.id))
            for c in self._picture.choices(backend)
        )
        return AccelerationBackend(
            backend.id,
            backend.name,
            backend.formats,
            wish.choice,
            wish.strict,
            id,
            why,
            choices,
            self._switching.get(backend.id),
            self._failed.get(backend.id),
            self._ladder.told(self._picture.variants(backend.id)),
        )

    def _in_use(self, backend: BackendWays) -> set[str]:
        """The choices that models answer by now."""
        variants = self._picture.variants(backend.id)
        return {
            seat.choice
            for id, seat in self._residency.seats.items()
            if id in variants and isinstance(self._residency.status(id), Ready)
        }


_BACKENDS = {backend.id: backend for backend in WAYS}


def _failure(choice: str, error: SparkError) -> SwitchFailed:
    return SwitchFailed(choice, error.code, error.title, error.message, error.remedy)


def _refuse_absent(choice: AccelerationChoice) -> None:
    refuse_unusable(replace(choice, check=None))
