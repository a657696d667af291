"""The watch over what makes trials worthless: other accelerators, other drivers, a sleep; and nothing else."""

import pytest

from spark_engine.engine import acceleration_watch
from spark_engine.engine.acceleration_watch import Noticed, Watch
from spark_engine.types.hardware import AcceleratorReading, HardwareReading

CARD = AcceleratorReading("nvidia/0", "gpu", "NVIDIA", "RTX", driver="1", load=0.1)
BUSY = AcceleratorReading("nvidia/0", "gpu", "NVIDIA", "RTX", driver="1", load=0.9)
UPDATED = AcceleratorReading("nvidia/0", "gpu", "NVIDIA", "RTX", driver="2")


def reading(*cards: AcceleratorReading) -> HardwareReading:
    return HardwareReading(at=1.0, accelerators=cards)


def test_only_devices_and_drivers_count() -> None:
    watch = Watch()
    assert watch.notice(reading(CARD)) is Noticed.OTHERS, "the first one"
    assert watch.notice(reading(BUSY)) is Noticed.NOTHING
    assert watch.notice(reading(UPDATED)) is Noticed.OTHERS
    assert watch.notice(reading()) is Noticed.OTHERS
    assert watch.notice(reading()) is Noticed.NOTHING
    assert Watch().notice(reading()) is Noticed.OTHERS, "to know that there is none is new too"


def test_a_sleep_is_told_once_and_a_corrected_clock_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = [100.0]
    monkeypatch.setattr(acceleration_watch, "_asleep_s", lambda: asleep[0])
    watch = Watch()
    watch.notice(reading(CARD))
    asleep[0] += 5.0
    assert watch.notice(reading(CARD)) is Noticed.NOTHING
    asleep[0] += 3600.0
    assert watch.notice(reading(CARD)) is Noticed.SLEPT
    assert watch.notice(reading(CARD)) is Noticed.NOTHING
