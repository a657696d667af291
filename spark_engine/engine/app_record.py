"""One app as the engine keeps it: its program, its figures, its owner's decisions, and the requests that wait."""

from collections import deque

from msgspec import Struct

from spark_engine.engine.gate import Gate
from spark_engine.engine.programs import Program
from spark_engine.engine.tally import Tally
from spark_engine.errors import AppRefused
from spark_engine.types.apps import AppEntry, AppRank

RANKS: dict[AppRank, int] = {"first": -6, "normal": 0, "last": 6}
"""What is added to a request's priority; ten seconds of waiting count as one, so that nobody waits for ever."""
PIDS_KEPT = 8


class SavedApp(Struct, frozen=True, omit_defaults=True):
    """What is remembered of an app between runs; times are Unix seconds."""

    path: str
    script: str = ""
    since: float = 0.0
    last_seen: float = 0.0
    paused: bool = False
    blocked: bool = False
    rank: AppRank = "normal"


class App:
    """A program that asks."""

    def __init__(self, saved: SavedApp) -> None:
        self.program = Program(saved.path, saved.script)
        self.since, self.last_seen = saved.since, saved.last_seen
        self.gate, self.blocked, self.rank = Gate(saved.paused), saved.blocked, saved.rank
        self.agent, self.active, self.refused = "", 0, 0
        self.prompt_tokens = self.completion_tokens = 0
        self.compute_ms = 0.0
        self.tally = Tally()
        self._pids: deque[int] = deque(maxlen=PIDS_KEPT)

    @property
    def paused(self) -> bool:
        """Whether its requests wait."""
        return self.gate.closed

    @property
    def ruled(self) -> bool:
        """Whether its owner decided anything about it."""
        return self.paused or self.blocked or self.rank != "normal"

    @property
    def saved(self) -> SavedApp:
        """What to remember of it."""
        program = self.program
        return SavedApp(
            program.path, program.script, self.since, self.last_seen, self.paused, self.blocked, self.rank
        )

    def entry(self, all_compute_ms: float) -> AppEntry:
        """What watchers are told; `all_compute_ms` is the time models worked for all apps."""
        return AppEntry(
            id=self.program.id,
            name=self.program.name,
            path=self.program.path,
            script=self.program.script,
            agent=self.agent,
            pids=tuple(self._pids),
            since=self.since,
            last_seen=self.last_seen,
            active=self.active,
            waiting=self.gate.waiting,
            refused=self.refused,
            usage=self.tally.usage,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            compute_ms=round(self.compute_ms, 1),
            share=round(self.compute_ms / all_compute_ms, 3) if all_compute_ms else 0.0,
            paused=self.paused,
            blocked=self.blocked,
            rank=self.rank,
        )

    def seen(self, pid: int | None, agent: str, at: float) -> None:
        """One of its processes asks; `at` in Unix seconds."""
        self.last_seen, self.agent = at, agent or self.agent
        if pid is not None:
            if pid in self._pids:
                self._pids.remove(pid)
            self._pids.append(pid)

    def refusal(self) -> AppRefused:
        """The error for a request of an app that is blocked."""
        return AppRefused(self.program.id, self.program.name)
