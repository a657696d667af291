"""What the window's tests stand on: Qt's loop for coroutines, one appearance, a window to feed, and waiting."""

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.actions import Actions
from app.conversation import Conversation
from app.dashboard import shelf
from app.dashboard.window import Window
from app.desktop import Desktop
from app.event_loop import EventLoop
from app.make_ready import make_ready
from app.notices import NoticeBoard
from app.store import Store
from app.theme import Appearance
from spark_engine.paths import BaseDir
from spark_engine.tasks import create_task
from spark_engine.types.state import EngineEvent, StateSnapshot
from tests.gui.states import sample_state


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    """Coroutine tests of this folder run on Qt's own loop, as the app does."""
    return {"qt": _qt_loop}


def _qt_loop() -> asyncio.AbstractEventLoop:
    app = QApplication.instance() or QApplication([])
    return EventLoop(app)


@pytest.fixture(scope="session")
def qapp(qapp: QApplication) -> QApplication:
    """The application with Spark's appearance; light unless a test says otherwise."""
    make_ready(qapp)
    Appearance(qapp, "light")
    return qapp


@pytest.fixture(scope="package", autouse=True)
def _garbage_stays_here() -> Iterator[None]:
    """Nor may other tests' threads free what these leave behind."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


class RecordedClient:
    """Takes the place of the engine's client where only the window's side is looked at: notes what was asked.

    `answers` holds an error to raise, `replies` a value to return (or a function of the arguments that gives it), by
    the name of the call. `search_duplicates` says each of its replies in turn.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.answers: dict[str, Exception] = {}
        self.replies: dict[str, Any] = {}
        self.gate: asyncio.Event | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*arguments: str, **options: object) -> Any:
            self.calls.append((name, *arguments, *(f"{key}={value}" for key, value in options.items())))
            if self.gate is not None:
                await self.gate.wait()
            if name in self.answers:
                raise self.answers[name]
            if name in self.replies:
                reply = self.replies[name]
                return reply(*arguments) if callable(reply) else reply
            return arguments[0] if arguments else ""

        return call

    async def search_duplicates(self) -> AsyncGenerator[Any, None]:
        self.calls.append(("search_duplicates",))
        try:
            for said in self.replies.get("search_duplicates", ()):
                yield said
                await asyncio.sleep(0)
                if self.gate is not None:
                    await self.gate.wait()
        finally:
            self.calls.append(("search ended",))

    async def follow_logs(self, **options: object) -> AsyncGenerator[Any, None]:
        """Each of its replies in turn, and then nothing more."""
        self.calls.append(("follow_logs",))
        try:
            for said in self.replies.get("follow_logs", ()):
                yield said
            await asyncio.Event().wait()
        finally:
            self.calls.append(("logs unfollowed",))


class RecordedLink:
    """Notes that somebody asked for the engine to be started, or to be started again."""

    def __init__(self) -> None:
        self.starts = self.restarts = 0

    async def restart(self) -> None:
        self.restarts += 1

    def start_again(self) -> None:
        self.starts += 1


class Stage:
    """A window on a store that a test feeds with events."""

    def __init__(self, base: BaseDir, client: Any) -> None:
        self.store, self.board = Store(), NoticeBoard()
        self.client, self.link = client, RecordedLink()
        self.actions = Actions(client, self.link, self.board)  # type: ignore[arg-type]
        self.talk = Conversation(client)
        self.window = Window(base, self.store, self.actions, self.board, self.talk)

    def feed(self, *events: EngineEvent) -> None:
        """Apply events and show them at once."""
        for event in events:
            self.store.apply(event)
        self.store.flush()


@pytest.fixture
def stage(qtbot: Any, base: BaseDir, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A shown window, joined to a recorded client, in the sample state. Its small libraries are there at once."""
    monkeypatch.setattr(shelf, "ROWS_AT_ONCE", 8)
    made = Stage(base, RecordedClient())
    raise_curtain(qtbot, made)
    return made


def raise_curtain(qtbot: Any, stage: Stage) -> None:
    """Show the window, in front and active (shortcuts need that), in the sample state."""
    qtbot.addWidget(stage.window)
    with qtbot.waitActive(stage.window, timeout=3000):
        stage.window.bring_up()
    stage.feed(StateSnapshot(sample_state()))


def choose(qtbot: Any, row: Any, words: str) -> None:
    """Open the row's overflow menu and choose a line."""
    qtbot.mouseClick(row.more, Qt.MouseButton.LeftButton)
    menu = row.more.menu_shown
    line = next(action for action in menu.actions() if action.text() == words)
    assert line.isEnabled()
    line.trigger()
    menu.close()


async def press(qtbot: Any, button: Any, word: str = "") -> None:
    """Click a button once it is there to be clicked and says `word`: what it does follows the state a little later."""

    def is_ready() -> bool:
        return bool(button.isVisible() and button.isEnabled() and button.text().strip().startswith(word))

    await until(is_ready, 60, f"the button {word!r}")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@asynccontextmanager
async def running(base: BaseDir, qtbot: Any) -> AsyncIterator[Desktop]:
    """The whole app, ended as a user would end it."""
    desktop = Desktop(base)
    qtbot.addWidget(desktop.window)
    life = create_task(desktop.run(), name="desktop")
    try:
        await until(lambda: desktop.store.live is not None, 30, "the engine answers")
        yield desktop
    finally:
        desktop.quit()
        await asyncio.wait_for(life, 30)


async def until(condition: Callable[[], object], timeout_s: float = 10, what: str = "") -> None:
    """Wait until the condition holds; AssertionError when it does not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not condition():
        assert loop.time() < deadline, f"not within {timeout_s} s: {what or condition}"
        await asyncio.sleep(0.02)
