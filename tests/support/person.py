"""Somebody in front of the screen: sees what the app shows, clicks and types with the system's mouse and keyboard."""

import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct, convert

from tests.support.screen import Program, Screen
from tests.support.served import children, wait_until

LOOK_AGAIN_S = 0.1
SETTLED_S = 0.3
WHEEL_UP, WHEEL_DOWN = 4, 5


class Seen(Struct, frozen=True):
    """A control or a text of the window. `seen`: its middle is on the screen and nothing lies over it."""

    kind: str
    words: str
    name: str
    enabled: bool
    seen: bool
    x: int
    y: int


class Person:
    """`screen` and `app` are the real ones; `path` is where the app's eyes listen."""

    def __init__(self, screen: Screen, app: Program, path: Path) -> None:
        self.screen, self.app = screen, app
        self._socket = socket.socket(socket.AF_UNIX)
        self._lines = self._socket.makefile("rb")
        self._path = path

    def sit_down(self) -> None:
        """Wait until the app can be watched."""
        wait_until(lambda: self._joins(self._path), 20, "the app has eyes", self.app.errors)

    def leave(self) -> None:
        """Look no more."""
        self._lines.close()
        self._socket.close()

    def _joins(self, path: Path) -> bool:
        try:
            self._socket.connect(str(path))
        except OSError:
            return False
        return True

    def ask(self, what: str) -> object:
        """`look`, `begin` to count gaps of the loop, or `end` for the longest ones: seconds, and worked."""
        self._socket.sendall(json.dumps(what).encode() + b"\n")
        line = self._lines.readline()
        assert line, f"the app has ended: {self.app.errors()}"
        return json.loads(line)

    def look(self) -> list[Seen]:
        """Everything that is shown, in sight or scrolled away."""
        return convert(self.ask("look"), list[Seen])

    def find(self, words: str, kind: str = "") -> Seen | None:
        """The first thing whose words or name match the whole expression, one in sight before others."""
        pattern = re.compile(words, re.DOTALL)
        found = [
            thing
            for thing in self.look()
            if (not kind or thing.kind == kind)
            and (pattern.fullmatch(thing.words) or pattern.fullmatch(thing.name))
        ]
        return max(found, key=lambda thing: thing.seen, default=None)

    def sees(self, words: str, timeout_s: float = 20, kind: str = "") -> Seen:
        """Wait until something with these words is there."""
        end = time.monotonic() + timeout_s
        while (found := self.find(words, kind)) is None:
            if time.monotonic() > end:
                shown = "\n".join(f"{t.kind}: {t.words or t.name}" for t in self.look() if t.seen)
                raise AssertionError(f"not seen within {timeout_s} s: {words}\n{shown}\n{self.app.errors()}")
            time.sleep(LOOK_AGAIN_S)
        return found

    def click(self, words: str, timeout_s: float = 20, kind: str = "") -> None:
        """Click a control once it can be clicked and does not move any more; scrolls to it where it must."""
        end, before = time.monotonic() + timeout_s, None
        while True:
            thing = self.sees(words, max(0.1, end - time.monotonic()), kind)
            if thing.seen and thing.enabled and thing == before:
                return self.screen.click(thing.x, thing.y)
            assert time.monotonic() < end, f"cannot be clicked: {thing}"
            before = thing
            if not thing.seen:
                self._scroll_to(thing)
            time.sleep(SETTLED_S)

    def _scroll_to(self, thing: Seen) -> None:
        middle = self.screen.size[1] // 2
        self.screen.point(self.screen.size[0] // 2, middle)
        wheel = WHEEL_DOWN if thing.y > middle else WHEEL_UP
        self.screen.hands("click", "--repeat", "2", "--delay", "20", str(wheel))

    def type(self, text: str) -> None:
        """Type a text, key by key."""
        self.screen.hands("type", "--delay", "8", text)

    def press(self, key: str) -> None:
        """Press a key or a chord, as xdotool names them: `Return`, `ctrl+n`."""
        self.screen.hands("key", key)

    def go(self, page: str) -> None:
        """Open a page by its word in the rail."""
        self.click(page, kind="Button")


@contextmanager
def person(screen: Screen, base: Path, *arguments: str, **env: str) -> Iterator[Person]:
    """Start the app on the screen, and sit down before it. Afterwards it is ended as at the end of a session."""
    path = screen.folder / "eyes"
    module = ["-m", "tests.support.watched_app", str(path), "--base-dir", str(base)]
    app = screen.start(sys.executable, *module, *arguments, **env)
    made = Person(screen, app, path)
    try:
        made.sit_down()
        yield made
    finally:
        made.leave()
        for process in children(app.process.pid)[:1]:
            process.terminate()
        app.process.wait(30)
