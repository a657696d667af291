"""Every page where there is nothing: no engine, no model, no graphics card, no network; and an engine that goes."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

from app.dashboard.pages import PAGES
from app.link import Connected, Lost, Refused, Searching, Starting, Stopped
from spark_engine.errors import Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.state import EngineInfo, EngineState, StateSnapshot
from tests.gui.conftest import RecordedClient, Stage, until
from tests.gui.hardware import reading
from tests.gui.states import sample_state

INFO = EngineInfo("0.1.0", 1, 0.0, "http://127.0.0.1:8910", "/base")
BARE = EngineState(INFO, "ready", hardware=reading(1.0))
REFUSED = Refused(
    "port_in_use", "The port is taken", "Another program uses port 8910.", "Choose another one."
)
WAYS_TO_BE_AWAY = {
    "searching": (Searching(), "Starting|Spark is starting|Ask anything"),
    "starting": (Starting(), "Starting|Spark is starting|Ask anything"),
    "lost": (Lost("It ended.", 1, 0.5), "ended unexpectedly|It ended|Ask anything"),
    "refused": (REFUSED, "The port is taken|The engine is stopped"),
    "stopped": (Stopped(), "The engine is stopped"),
}
WITHOUT_ANYTHING = {
    "home": "There is no model on this machine yet",
    "chat": "Ask anything",
    "models": "No models yet",
    "acceleration": "Looking at this machine",
    "hardware": "Processor",
    "requests": "Nothing answers",
    "apps": "No app has asked yet",
    "health": "Checking every part of Spark",
    "logs": "Nothing answers",
    "settings": "The settings cannot be read",
}
IDS = [page.id for page in PAGES]


class Deaf(RecordedClient):
    """Every question is refused, after it was noted; with which code, a test may change."""

    code = "engine_unreachable"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def refuse(*arguments: object, **options: object) -> None:
            self.calls.append((name,))
            raise self._refusal()

        return refuse

    async def follow_logs(self, **options: object) -> AsyncGenerator[Any, None]:
        raise self._refusal()
        yield

    def _refusal(self) -> Unavailable:
        return Unavailable(self.code, "Nothing answers", "There is no connection.", "Try again.")


@pytest.fixture
def alone(qtbot: Any, base: BaseDir) -> Stage:
    """A shown window whose questions nobody answers."""
    made = Stage(base, Deaf())
    qtbot.addWidget(made.window)
    with qtbot.waitActive(made.window, timeout=3000):
        made.window.bring_up()
    return made


def told(part: QWidget) -> str:
    """Everything that is written on it, in sight or scrolled away."""
    written = [child for kind in (QLabel, QAbstractButton) for child in part.findChildren(kind)]
    return "\n".join(child.text() for child in written if child.isVisibleTo(part) and child.text().strip())


def without_times(part: QWidget) -> str:
    """What is written on it, every number as one digit."""
    return re.sub(r"\d+", "0", told(part))


def button(part: QWidget, words: str) -> QAbstractButton | None:
    """The button in sight whose word matches."""
    found = [b for b in part.findChildren(QAbstractButton) if b.isVisible() and b.isEnabled()]
    return next((b for b in found if re.fullmatch(words, b.text().strip())), None)


@pytest.mark.parametrize("id", IDS)
async def test_without_an_engine_a_page_says_so_and_how_to_get_one(alone: Stage, qtbot: Any, id: str) -> None:
    for link, words in WAYS_TO_BE_AWAY.values():
        alone.store.set_link(link)
        alone.window.go(id)
        qtbot.keyClick(alone.window, Qt.Key.Key_F5)
        await asyncio.sleep(0)
        assert re.search(words, told(alone.window.page)), told(alone.window.page)
    start = button(alone.window, "Start engine")
    assert start is not None
    qtbot.mouseClick(start, Qt.MouseButton.LeftButton)
    await until(lambda: alone.link.starts == 1)


@pytest.mark.parametrize("id", IDS)
async def test_without_model_card_network_or_answers_a_page_has_words(
    alone: Stage, qtbot: Any, id: str
) -> None:
    alone.client.code = "history_unavailable"
    alone.feed(StateSnapshot(BARE))
    alone.store.set_link(Connected(True))
    alone.window.go(id)
    qtbot.keyClick(alone.window, Qt.Key.Key_F5)
    await until(lambda: WITHOUT_ANYTHING[id] in told(alone.window.page), 5, WITHOUT_ANYTHING[id])


@pytest.mark.parametrize("id", IDS)
async def test_an_engine_that_goes_and_comes_again(alone: Stage, qtbot: Any, id: str) -> None:
    alone.feed(StateSnapshot(sample_state()))
    alone.store.set_link(Connected(True))
    alone.window.go(id)
    await asyncio.sleep(0.1)
    before = without_times(alone.window.page)
    alone.store.set_link(Lost("It ended.", 1, 0.5))
    alone.feed()
    assert re.search(WAYS_TO_BE_AWAY["lost"][1], told(alone.window.page)), told(alone.window.page)
    alone.feed(StateSnapshot(replace(sample_state(), default_model="")))
    alone.store.set_link(Connected(True))
    alone.feed(StateSnapshot(sample_state()))
    await until(lambda: without_times(alone.window.page) == before, 5, before)
