"""What every reader of GPUs and NPUs is: asked with Spark's pids, it gives devices, or why there are none."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from msgspec import Struct

from spark_engine.types.hardware import AcceleratorReading

_T = TypeVar("_T")


class Found(Struct, frozen=True):
    """What a reader found; `reason` says in a sentence for people why there is nothing."""

    devices: tuple[AcceleratorReading, ...] = ()
    reason: str = ""


class Reader(Protocol):
    """One vendor's devices, or one kind. `name` is for people."""

    name: str

    def read(self, pids: frozenset[int]) -> Found:
        """The devices now; `pids` are Spark's processes. May raise anything and may hang: drivers do."""
        ...


def each_once(devices: Iterable[AcceleratorReading]) -> tuple[AcceleratorReading, ...]:
    """The devices without those that Windows tells of although their vendor's own reader told more."""
    found = tuple(devices)
    by_vendor = {device.vendor for device in found if not device.id.startswith("windows/")}
    return tuple(d for d in found if not (d.id.startswith("windows/") and d.vendor in by_vendor))


class Facts:
    """Collects what a device tells, and the reason for whatever it does not."""

    def __init__(self, failures: tuple[type[Exception], ...] = (OSError, ValueError)) -> None:
        self._failures = failures
        self.missing: dict[str, str] = {}

    def ask(self, field: str, question: Callable[[], _T | None], why: str) -> _T | None:
        """The answer. Without one, None and a note under `field`: `why`, and what the driver said to it."""
        try:
            answer = question()
        except self._failures as error:
            said = str(error).strip()
            self.missing[field] = f"{why} ({said})" if said else why
            return None
        if answer is None:
            self.missing[field] = why
        return answer
