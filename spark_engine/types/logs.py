"""Lines of the logs as people read them."""

from typing import Literal

from msgspec import Struct

LogPart = Literal["engine", "runner", "app"]
LogLevel = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[LogLevel, ...] = ("debug", "info", "warning", "error")
PARTS: tuple[LogPart, ...] = ("engine", "runner", "app")


class LogLine(Struct, frozen=True):
    """One record. `number` grows from line to line as long as the engine runs; `at` is Unix seconds; `source` is the
    logger, or the variant whose runner said it; `text` may have several lines (a traceback)."""

    number: int
    at: float
    part: LogPart
    level: LogLevel
    source: str
    text: str


class LogPage(Struct, frozen=True):
    """Lines in the order in which they were written; `last` is what to ask after next time."""

    lines: tuple[LogLine, ...]
    last: int


class LogFilter(Struct, frozen=True):
    """Which lines are wanted: those of at least a `level`, of one `part` (None: all), with a `text` in them."""

    level: LogLevel = "debug"
    part: LogPart | None = None
    text: str = ""

    def lets_through(self, line: LogLine) -> bool:
        """Whether a line is wanted."""
        return (
            LEVELS.index(line.level) >= LEVELS.index(self.level)
            and self.part in (None, line.part)
            and (not self.text or self.text.casefold() in f"{line.source}: {line.text}".casefold())
        )


def as_text(line: LogLine, at: str) -> str:
    """A line for the clipboard; `at` is its time in words."""
    return f"{at} {line.part} {line.level.upper()} {line.source}: {line.text}"
