"""Notices what may make a trial worthless: the machine's accelerators, or their drivers, are others."""

from spark_engine.types.hardware import HardwareReading

Identity = tuple[tuple[str, str], ...]


class Watch:
    """Told of every reading; knows the last."""

    def __init__(self) -> None:
        self._known: Identity | None = None

    def notice(self, reading: HardwareReading) -> bool:
        """Whether others are there than at the reading before; the first one is new itself."""
        known, self._known = self._known, identity(reading)
        return known != self._known


def identity(reading: HardwareReading) -> Identity:
    """Which accelerators there are, with their drivers."""
    return tuple(sorted((one.id, one.driver) for one in reading.accelerators))
