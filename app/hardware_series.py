"""The values that the charts of the Hardware page show: a span from the engine, a live minute goes on by itself."""

from app.widgets.chart import Frame, Line
from spark_engine.types.hardware import HardwareHistory, HardwareReading, Span, values

_HOUR = 3600.0
LENGTHS: dict[Span, float] = {"minute": 60.0, "hour": _HOUR, "day": 24 * _HOUR}
_GAPS: dict[Span, float] = {"minute": 15.0, "hour": 35.0, "day": 400.0}
_TICKS: dict[Span, tuple[tuple[float, str], ...]] = {
    "minute": ((60.0, "1 min ago"), (30.0, "30 s"), (0.0, "now")),
    "hour": ((_HOUR, "1 h ago"), (_HOUR / 2, "30 min"), (0.0, "now")),
    "day": ((24 * _HOUR, "24 h ago"), (12 * _HOUR, "12 h"), (0.0, "now")),
}
NEWER_S = 0.5


class Series:
    """Columns as in `HardwareHistory`, over one list of times."""

    def __init__(self, span: Span = "minute") -> None:
        self.span: Span = span
        self.times: list[float] = []
        self._columns: dict[str, list[float | None]] = {}
        self._until = 0.0

    def load(self, history: HardwareHistory, until: float) -> None:
        """Begin with what the engine remembers; `until` is now, in Unix seconds."""
        self.span, self._until = history.span, until
        self.times = list(history.times)
        self._columns = {name: list(column) for name, column in history.columns.items()}

    def add(self, reading: HardwareReading) -> None:
        """A new reading goes on a live minute; longer spans are asked for again instead."""
        self._until = max(self._until, reading.at)
        if self.span != "minute" or (self.times and reading.at - self.times[-1] < NEWER_S):
            return
        new = values(reading)
        for name in new.keys() - self._columns.keys():
            self._columns[name] = [None] * len(self.times)
        for name, column in self._columns.items():
            column.append(new.get(name))
        self.times.append(reading.at)
        self._forget(reading.at - LENGTHS["minute"] - 1)

    def known(self, name: str) -> Line:
        """Only the values that are known, for what is not there at every time."""
        pairs = zip(self.times, self._columns.get(name, ()), strict=False)
        there = [(at, value) for at, value in pairs if value is not None]
        return Line([at for at, _ in there], [value for _, value in there])

    def both(self, part: str, rest: str) -> Line:
        """Two columns on top of each other, the first as the filled part."""
        first, second = self.line(part).values, self.line(rest).values
        sums = [None if a is None or b is None else a + b for a, b in zip(first, second, strict=True)]
        return Line(self.times, sums, first)

    def line(self, name: str, own: str = "") -> Line:
        """The values of a column, and Spark's part of them from another."""
        nothing: list[float | None] = [None] * len(self.times)
        part = self._columns.get(own) if own else None
        if part is not None and all(value is None for value in part):
            part = None
        return Line(self.times, self._columns.get(name, nothing), part)

    @property
    def frame(self) -> Frame:
        """What part of time the charts show."""
        return Frame(self._until, LENGTHS[self.span], _GAPS[self.span], _TICKS[self.span])

    def _forget(self, before: float) -> None:
        old = 0
        while old < len(self.times) and self.times[old] < before:
            old += 1
        if old:
            del self.times[:old]
            for column in self._columns.values():
                del column[:old]
