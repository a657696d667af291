"""What the installer prints: numbered steps with their time, what goes on inside them, and errors with a remedy."""

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class SetupError(Exception):
    """Set-up cannot go on: one sentence that says why, and what to do."""

    def __init__(self, sentence: str, remedy: str, evidence: str = "") -> None:
        super().__init__(f"{sentence} {remedy}")
        self.sentence, self.remedy, self.evidence = sentence, remedy, evidence


class Console:
    """Writes to a terminal or a log; on a terminal the line of what goes on is overwritten as it changes."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(
                    errors="replace"
                )  # a Windows console may lack a sign; that must stop nothing
        self._live = sys.stdout.isatty()
        self._shown = ""

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A step of the set-up: its title first, its time afterwards."""
        self.say(f"● {title}")
        started = time.monotonic()
        yield
        self.say(f"  done in {time.monotonic() - started:.1f} s")

    def say(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        print(text, flush=True)

    def going_on(self, text: str, *, minor: bool = False) -> None:
        """What goes on right now. Where lines cannot be overwritten, `minor` ones are left out."""
        if text == self._shown or (minor and not self._live):
            return
        self._clear()
        self._shown = text
        print(f"  {text}"[:100], end="" if self._live else "\n", flush=True)

    def problem(self, error: SetupError) -> None:
        """An error with its remedy, after the evidence for it."""
        self._clear()
        for line in error.evidence.splitlines():
            print(f"  | {line}", file=sys.stderr)
        print(f"✗ {error.sentence}\n  {error.remedy}", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._live and self._shown:
            print("\r\x1b[K", end="")
        self._shown = ""
