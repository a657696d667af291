"""What is kept of a process of Spark's that crashed: figures and places, never what anybody asked or was answered."""

from typing import Literal

from msgspec import Struct

from spark_engine.types.settings import SettingValue

CrashedProcess = Literal["engine", "runner", "app"]


class CrashReport(Struct, frozen=True):
    """`at` and `last_at` are Unix seconds: the same crash again within a few minutes only counts up. `about` is a
    runner's variant. `how` is the signal's name, or how else it ended; `kind` what Python said of a native fault.

    `plan` is how a model was loaded (backend, device, context, …), `settings` those that are not at their defaults.
    `places` are the innermost places of the code, the last call first.
    """

    at: float
    process: CrashedProcess
    how: str
    about: str = ""
    kind: str = ""
    pid: int = 0
    ran_s: float | None = None
    plan: dict[str, str | int] = {}
    places: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    settings: dict[str, SettingValue] = {}
    count: int = 1
    last_at: float = 0.0


class KeptCrash(Struct, frozen=True):
    """A report and the folder with everything about it; `id` is the folder's name."""

    id: str
    folder: str
    report: CrashReport


def crash_words(report: CrashReport) -> str:
    """Who crashed how, as a sentence for people."""
    who = {"engine": "Spark's engine", "app": "Spark's window", "runner": f"The process of {report.about}"}
    again = f" {report.count} times" if report.count > 1 else ""
    return f"{who[report.process]} crashed{again} ({report.how})."
