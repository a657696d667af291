"""What the window's tests stand on: Qt's loop for coroutines, one appearance, a window to feed, and waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import qasync
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.actions import Actions
from app.conversation import Conversation
from app.dashboard.window import Window
from app.desktop import Desktop, make_ready
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
    return qasync.QEventLoop(app)


@pytest.fixture(scope="session")
def qapp(qapp: QApplication) -> QApplication:
    """The application with Spark's appearance; light unless a test says otherwise."""
    make_ready(qapp)
    Appearance(qapp, "light")
    return qapp


class RecordedClient:
    """Takes the place of the engine's client where only the window's side is looked at: notes what was asked.

    `answers` holds an error to raise, by the name of the call.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.answers: dict[str, Exception] = {}
        self.gate: asyncio.Event | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*arguments: str, **options: object) -> str:
            self.calls.append((name, *arguments, *(f"{key}={value}" for key, value in options.items())))
            if self.gate is not None:
                await self.gate.wait()
            if name in self.answers:
                raise self.answers[name]
            return arguments[0] if arguments else ""

        return call


class RecordedLink:
    """Notes that somebody asked for the engine to be started."""

    def __init__(self) -> None:
        self.starts = 0

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
def stage(qtbot: Any, base: BaseDir) -> Stage:
    """A shown window, joined to a recorded client, in the sample state."""
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
