"""Health: declared problems, each with a severity and a way out."""

from typing import Literal

from msgspec import Struct

Severity = Literal["info", "warning", "error"]


class Problem(Struct, frozen=True):
    """Something that keeps Spark from doing its job. `blocks` is True when the API is not ready because of
    it.
    """

    id: str
    severity: Severity
    title: str
    message: str
    remedy: str = ""
    blocks: bool = False


class HealthReport(Struct, frozen=True):
    """Whether the API answers, and every problem that stands."""

    ready: bool
    problems: tuple[Problem, ...] = ()
