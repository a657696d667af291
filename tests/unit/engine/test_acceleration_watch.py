"""The watch over what makes trials worthless: other accelerators, other drivers; and nothing else."""

from spark_engine.engine.acceleration_watch import Watch
from spark_engine.types.hardware import AcceleratorReading, HardwareReading

CARD = AcceleratorReading("nvidia/0", "gpu", "NVIDIA", "RTX", driver="1", load=0.1)
BUSY = AcceleratorReading("nvidia/0", "gpu", "NVIDIA", "RTX", driver="1", load=0.9)
UPDATED = AcceleratorReading("nvidia/0", "gpu", "NVIDIA", "RTX", driver="2")


def reading(*cards: AcceleratorReading) -> HardwareReading:
    return HardwareReading(at=1.0, accelerators=cards)


def test_only_devices_and_drivers_count() -> None:
    watch = Watch()
    assert watch.notice(reading(CARD)), "the first one"
    assert not watch.notice(reading(BUSY))
    assert watch.notice(reading(UPDATED))
    assert watch.notice(reading())
    assert not watch.notice(reading())
    assert Watch().notice(reading()), "to know that there is none is new too"
