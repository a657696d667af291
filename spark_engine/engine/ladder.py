"""The ladder of crashes: a variant whose runner keeps dying goes on in a safer way, and later climbs back."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.engine.runner_failures import CRASH_LOOP, NOT_STARTED
from spark_engine.engine.seats import Seat
from spark_engine.types.acceleration import CPU_CHOICE, SteppedDown
from spark_engine.types.models import LoadFailed

QUIET_S = 30 * 60.0
LEAST_CONTEXT = 1024


class _Step(Struct, frozen=True):
    seat: Seat
    told: SteppedDown
    timer: asyncio.TimerHandle


class Ladder:
    """The variants that stand lower than chosen. `on_change(variant)` is told when one steps down or climbs back."""

    def __init__(self, on_change: Callable[[str], None], quiet_s: float | None = None) -> None:
        self._on_change, self._quiet_s = on_change, quiet_s or QUIET_S
        self._steps: dict[str, _Step] = {}

    def seat(self, variant: str) -> Seat | None:
        """Where a variant runs that has stepped down; None when it has not."""
        step = self._steps.get(variant)
        return step.seat if step else None

    def told(self, variants: Iterable[str]) -> tuple[SteppedDown, ...]:
        """What is known of those of the variants that have stepped down."""
        return tuple(step.told for id in variants if (step := self._steps.get(id)))

    def down(
        self, variant: str, seat: Seat, context: int, failed: LoadFailed, safer: Sequence[Seat]
    ) -> Seat | None:
        """The next step for a variant that failed on a seat with a context of so many tokens: `safer` ones first, then
        half the context, then None: it stops, and starts from the top the next time somebody loads it."""
        before = self._steps.get(variant)
        next = safer[0] if safer else _smaller(seat, context, failed)
        if failed.code == NOT_STARTED or next is None:
            self.forget([variant])
            return None
        wanted = before.told.wanted if before else seat.choice
        told = SteppedDown(
            variant, wanted, next.choice, next.context, time.time(), failed.message, failed.evidence
        )
        self._put(variant, _Step(next, told, self._climb_later(variant)))
        return next

    def forget(self, variants: Iterable[str]) -> None:
        """Climb back at once."""
        for variant in tuple(variants):
            if (step := self._steps.pop(variant, None)) is not None:
                step.timer.cancel()
                self._on_change(variant)

    def close(self) -> None:
        """Wait for nothing any more."""
        for step in self._steps.values():
            step.timer.cancel()

    def _put(self, variant: str, step: _Step) -> None:
        if variant in self._steps:
            self._steps[variant].timer.cancel()
        self._steps[variant] = step
        self._on_change(variant)

    def _climb_later(self, variant: str) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._quiet_s, self.forget, [variant])


def _smaller(seat: Seat, context: int, failed: LoadFailed) -> Seat | None:
    """The same with half the context, once, and only where crashes are the reason: a refusal would come again."""
    half = context // 2
    if failed.code != CRASH_LOOP or seat.context or half < LEAST_CONTEXT:
        return None
    return replace(seat, context=half)


def is_lower(told: SteppedDown) -> str:
    """What it means for people: where it runs now."""
    where = "on the CPU" if told.choice == CPU_CHOICE else f"by {told.choice}"
    return f"{where} with a context of {told.context} tokens" if told.context else where
