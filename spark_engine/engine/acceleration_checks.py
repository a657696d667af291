"""Checks of acceleration: one canary after the other in the background, each outcome remembered and told."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.engine.acceleration_offers import Offer
from spark_engine.engine.acceleration_record import Memory, Trial
from spark_engine.engine.canary import Canary
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.acceleration import CPU_CHOICE, AccelerationCheck, AccelerationChoice

log = logging.getLogger(__name__)
WAITING, RUNNING = "waiting for another check", "running spark-nano"


class OnChange(Protocol):
    """Who is told how far a check is."""

    def __call__(self, place: tuple[str, str], *, done: bool) -> None:
        """A check of a backend's choice moved on, or is over."""


class Wanted(Struct, frozen=True):
    """A check that somebody wants: of an offer of a backend."""

    backend: str
    offer: Offer

    @property
    def place(self) -> tuple[str, str]:
        """Backend and choice."""
        return self.backend, self.offer.choice.id


class Checks:
    """`on_change(place, done=)` is told of every step. What is asked for twice is checked once."""

    def __init__(self, memory: Memory, canary: Canary, on_change: OnChange) -> None:
        self._memory, self._canary, self._on_change = memory, canary, on_change
        self._steps: dict[tuple[str, str], str] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[AccelerationCheck]] = {}
        self._turn = asyncio.Lock()

    def step(self, backend: str, choice: str) -> str:
        """What a check that is wanted or runs does now; empty when there is none."""
        return self._steps.get((backend, choice), "")

    def begin(self, wanted: Sequence[Wanted]) -> None:
        """Check these in order, in the background, as far as they are not on their way."""
        for one in wanted:
            self._begun(one)

    async def outcome(self, wanted: Wanted) -> AccelerationCheck:
        """Check one, or wait for its check that runs."""
        return await asyncio.shield(self._begun(wanted))

    async def close(self) -> None:
        """End what runs."""
        await cancel_and_wait(*self._tasks.values())

    def _begun(self, wanted: Wanted) -> asyncio.Task[AccelerationCheck]:
        task = self._tasks.get(wanted.place)
        if task is None:
            task = create_task(self._check(wanted), name=f"check {'/'.join(wanted.place)}")
            self._tasks[wanted.place] = task
            self._tell(wanted, WAITING)
            task.add_done_callback(lambda _: self._over(wanted))
        return task

    async def _check(self, wanted: Wanted) -> AccelerationCheck:
        async with self._turn:
            self._tell(wanted, RUNNING)
            check = await self._canary.check(wanted.backend, wanted.offer.seat)
        backend, choice = wanted.place
        log.info("checked %s on %s: %s", backend, choice, check.verdict)
        self._memory.keep_trial(backend, choice, Trial(wanted.offer.key, _named(check, wanted.offer)))
        return check

    def _over(self, wanted: Wanted) -> None:
        del self._tasks[wanted.place]
        if not self._tasks:
            self._canary.forget()
        self._tell(wanted, "")

    def _tell(self, wanted: Wanted, step: str) -> None:
        self._steps[wanted.place] = step
        self._on_change(wanted.place, done=not step)


def _named(check: AccelerationCheck, offer: Offer) -> AccelerationCheck:
    """With the device as people are told it elsewhere, and the versions it holds for."""
    choice = offer.choice
    device = offer.seat.named(check.device) if check.device else ""
    return replace(check, device=device, library=choice.library, driver=choice.driver)


def needs_check(choice: AccelerationChoice, wish: str) -> bool:
    """Whether it is to be checked without being asked: an accelerator that was never tried, or whose trial does not
    count any more; other ways to use the CPU only where one was chosen."""
    if not choice.installed or choice.id == CPU_CHOICE:
        return False
    unknown = choice.check is None or bool(choice.outdated)
    return unknown and (choice.kind != "cpu" or choice.id == wish)
