"""Health: declared problems, each with a severity and a way out, and one row per part of Spark and its ecosystem."""

from typing import Literal

from msgspec import Struct

from spark_engine.types.ecosystem import EcosystemMember

Severity = Literal["info", "warning", "error"]
PartState = Literal["ok", "busy", "off", "warning", "error"]
Intent = Literal[
    "load", "install", "resume_download", "free_memory", "rescan", "resume", "resume_app", "open_page", "open_folder"
]  # fmt: skip


class Repair(Struct, frozen=True):
    """What Spark itself can do about a problem: a button's `word`, and an intent with what it is about (a variant, a
    component, a download, an app, a page of the window, a folder)."""

    word: str
    intent: Intent
    argument: str = ""


class Problem(Struct, frozen=True):
    """Something that keeps Spark from doing its job. `blocks` is True when the API is not ready because of
    it. `part` is the part of Spark it belongs to, `under` the problem that causes it (it is shown below that one),
    `since` Unix seconds.
    """

    id: str
    severity: Severity
    title: str
    message: str
    remedy: str = ""
    blocks: bool = False
    part: str = ""
    under: str = ""
    since: float = 0.0
    repair: Repair | None = None


class PartHealth(Struct, frozen=True):
    """A part of Spark itself: `facts` says in a few words what it does now."""

    id: str
    name: str
    state: PartState
    facts: str


class HealthReport(Struct, frozen=True):
    """Whether the API answers, every problem that stands (causes before what they cause), and a row per part of Spark
    and per program of its ecosystem."""

    ready: bool
    problems: tuple[Problem, ...] = ()
    parts: tuple[PartHealth, ...] = ()
    ecosystem: tuple[EcosystemMember, ...] = ()
