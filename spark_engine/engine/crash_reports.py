"""Keeps a report of every runner that crashed, and tells of the crashes of the last hour as problems."""

import asyncio
import time

from msgspec import Struct

from spark_engine.config.load import Config
from spark_engine.engine.bus import Bus
from spark_engine.life.crashes import keep_crash, kept_crashes
from spark_engine.life.run_mark import WISHED, ended_words
from spark_engine.paths import BaseDir
from spark_engine.protocol.messages import LoadPlan
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.crashes import CrashReport, KeptCrash, crash_words
from spark_engine.types.health import Problem, Repair
from spark_engine.types.settings import SettingValue
from spark_engine.types.state import ProblemCleared, ProblemRaised

RECENT_S, MOST_TOLD = 3600.0, 3


class RunnerEnd(Struct, frozen=True):
    """A runner that ended without being told to. `status` as `subprocess` gives it; `last_words`: its stderr; `choice`
    of acceleration by which it ran."""

    plan: LoadPlan
    pid: int
    status: int
    ran_s: float
    last_words: tuple[str, ...]
    choice: str = ""

    @property
    def is_crash(self) -> bool:
        """Whether it was neither somebody's wish nor an orderly end."""
        return self.status != 0 and ended_words(self.status) not in WISHED


class CrashReports:
    """Looks at what is kept when it begins, after a crash, when somebody begins to watch and when an hour is over."""

    def __init__(self, base: BaseDir, config: Config, bus: Bus) -> None:
        self._base, self._config, self._bus = base, config, bus
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told: set[str] = set()
        self._watched = False

    def look(self) -> None:
        """Tell of what is kept, in the background."""
        if self._looking is None or self._looking.done():
            self._looking = create_task(self._tell(), name="look at crashes")

    def watched_by(self, count: int) -> None:
        """So many watchers there are now; the window may have crashed before it came."""
        first, self._watched = count > 0 and not self._watched, count > 0
        if first:
            self.look()

    def runner_ended(self, end: RunnerEnd) -> None:
        """Keep a report in the background if it was a crash."""
        if end.is_crash:
            report = report_of(end, chosen_settings(self._config))
            task = create_task(self._keep(report, end.last_words), name="keep a crash report")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Finish what is being written; look no more."""
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await cancel_and_wait(self._looking)

    async def _keep(self, report: CrashReport, last_words: tuple[str, ...]) -> None:
        async with self._turn:
            await asyncio.to_thread(keep_crash, self._base, report, last_words)
        await self._tell()

    async def _tell(self) -> None:
        async with self._turn:
            await self._tell_recent()

    async def _tell_recent(self) -> None:
        recent = (await asyncio.to_thread(recent_crashes, self._base))[:MOST_TOLD]
        problems = {problem.id: problem for problem in map(problem_of, recent)}
        for id in self._told - problems.keys():
            self._bus.publish(ProblemCleared(id))
        for id, problem in problems.items():
            if self._bus.state.problems.get(id) != problem:
                self._bus.publish(ProblemRaised(problem))
        self._told = set(problems)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if recent:
            over = min(crash.report.last_at for crash in recent) + RECENT_S - time.time()
            self._timer = asyncio.get_running_loop().call_later(max(1.0, over), self.look)


def recent_crashes(base: BaseDir, now: float | None = None) -> tuple[KeptCrash, ...]:
    """Those of the last hour, the latest first. Reads the disk."""
    since = (time.time() if now is None else now) - RECENT_S
    return tuple(crash for crash in kept_crashes(base) if crash.report.last_at > since)


def problem_of(crash: KeptCrash) -> Problem:
    """A crash as people are told it. Of a runner's death more than this is told: that it is started again, or not."""
    report = crash.report
    is_runner = report.process == "runner"
    return Problem(
        id=f"crashed:{crash.id}",
        severity="info" if is_runner else "warning",
        title=crash_words(report).rstrip("."),
        message=f"What is known of it is kept in {crash.folder}. It was sent nowhere, and holds no prompts or answers.",
        remedy="If it comes again, report it with what `spark crashes` shows.",
        part="runner" if is_runner else "api",
        since=report.last_at,
        repair=Repair("Open folder", "open_folder", crash.folder),
    )


def chosen_settings(config: Config) -> dict[str, SettingValue]:
    """The settings that are not at their defaults."""
    return {key: one.value for key, one in config.values.items() if one.origin != "default"}


def report_of(end: RunnerEnd, settings: dict[str, SettingValue]) -> CrashReport:
    """What is known of a runner's crash."""
    plan = end.plan
    facts: dict[str, str | int] = {
        "choice": end.choice, "device": plan.device, "format": plan.format, "kind": plan.kind,
        "context": plan.context, "slots": plan.slots, "threads": plan.threads,
    }  # fmt: skip
    how, now = ended_words(end.status), time.time()
    return CrashReport(
        now, "runner", how, plan.variant, "", end.pid, round(end.ran_s, 1), facts, settings=settings
    )
