"""The whole app against the real engine: start, load, chat, a killed engine, recovery, quit."""

import asyncio
import os
import signal
import time
from typing import Any

import psutil
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QCloseEvent

from app.dashboard.chat_page import ChatPage
from app.dashboard.models_page import ModelsPage
from app.desktop import Desktop
from app.link import Connected, Lost, Stopped
from app.tray_icon import tray_icon
from app.widgets.message import Answer
from spark_engine.client.process import start_engine, stop_engine
from spark_engine.life.crashes import kept_crashes
from spark_engine.paths import BaseDir
from spark_engine.tasks import create_task
from spark_engine.types.models import Ready, Unloaded
from spark_engine.types.state import find_variant
from tests.gui.conftest import press, running, until
from tests.support.served import ECHO_CARD

PLAIN, SLOW = "echo:plain", "echo:slow"


@pytest.fixture
def echo_base(base: BaseDir, free_port: int) -> BaseDir:
    """A base directory whose engine has the echo models, loads nothing by itself and takes a free port."""
    folder = base.root / "model_cards"
    folder.mkdir()
    (folder / "echo.toml").write_text(ECHO_CARD)
    ports = f"port = {free_port}\nhealth_port = 0\nmetrics_port = 0"
    base.settings_file.write_text(f'[server]\n{ports}\n[models]\npreload = false\ndefault = "{PLAIN}"\n')
    return base


def engine_pid(desktop: Desktop) -> int:
    assert desktop.store.state is not None
    return desktop.store.state.engine.pid


def status(desktop: Desktop, id: str) -> object:
    assert desktop.store.state is not None
    variant = find_variant(desktop.store.state, id)
    assert variant is not None
    return variant.status


def answers(page: ChatPage) -> list[Answer]:
    return [m for m in page.transcript.messages if isinstance(m, Answer)]


def ask(qtbot: Any, page: ChatPage, text: str) -> None:
    qtbot.keyClicks(page.composer.field, text)
    qtbot.keyClick(page.composer.field, Qt.Key.Key_Return)


def choose(page: ChatPage, id: str) -> None:
    page.picker.setCurrentIndex(page.picker.findData(id))
    page.picker.activated.emit(page.picker.currentIndex())


@pytest.mark.slow
async def test_the_way_of_a_user(echo_base: BaseDir, qtbot: Any) -> None:
    async with running(echo_base, qtbot) as desktop:
        assert isinstance(desktop.store.link, Connected)
        assert desktop.store.link.started_here
        first = engine_pid(desktop)

        desktop.window.go("models")
        models = desktop.window.page
        assert isinstance(models, ModelsPage)
        await until(lambda: "echo" in models.cards)
        assert isinstance(status(desktop, PLAIN), Unloaded)
        row = models.cards["echo"].rows[PLAIN]
        await press(qtbot, row.button, "Load")
        await until(lambda: row.chip.word == "ready", 30, "the model is ready")
        assert isinstance(status(desktop, PLAIN), Ready)

        desktop.window.go("chat")
        chat = desktop.window.page
        assert isinstance(chat, ChatPage)
        ask(qtbot, chat, "good morning")
        await until(lambda: not chat.conversation.is_busy, 20, "the answer is complete")
        assert "good morning" in answers(chat)[0].markdown
        assert "first token after" in answers(chat)[0].figures.text()

        choose(chat, SLOW)
        ask(qtbot, chat, "word " * 200)
        await until(
            lambda: len(answers(chat)) == 2 and answers(chat)[1].markdown, 20, "the slow answer begins"
        )
        qtbot.keyClicks(chat.composer.field, "my draft")
        os.kill(first, signal.SIGKILL)
        await until(lambda: isinstance(desktop.store.link, Lost), 5, "the app notices")
        assert "engine" in desktop.window.notices.bars
        desktop.tray._repaint.flush()
        assert desktop.tray.icon.icon().cacheKey() == tray_icon("problem").cacheKey()
        await until(lambda: not chat.conversation.is_busy, 5, "the answer breaks off")
        assert answers(chat)[1]._trouble is not None

        await until(
            lambda: desktop.store.live is not None and engine_pid(desktop) != first, 30, "it runs again"
        )
        assert chat.composer.text == "my draft"
        assert "The engine is running again" in [notice.title for notice in desktop.board.notices]
        (crash,) = kept_crashes(echo_base)
        assert (crash.report.process, crash.report.how, crash.report.pid) == ("engine", "SIGKILL", first)
        told = f"problem:crashed:{crash.id}"
        await until(lambda: any(n.id == told for n in desktop.board.notices), 10, "the crash is told of")
        action = next(n.action for n in desktop.board.notices if n.id == told)
        assert action is not None and action.word == "Open folder"
        retry = next(b for b in answers(chat)[1]._trouble.findChildren(type(chat.new_chat)))
        choose(chat, PLAIN)
        await press(qtbot, retry)
        await until(lambda: not chat.conversation.is_busy, 30, "the repeated answer is complete")
        assert answers(chat)[1].markdown.strip().endswith("word")
        second = engine_pid(desktop)
    assert not psutil.pid_exists(second)


@pytest.mark.slow
async def test_quitting_leaves_an_engine_that_ran_before(echo_base: BaseDir, qtbot: Any) -> None:
    engine = await start_engine(echo_base)
    try:
        async with running(echo_base, qtbot) as desktop:
            assert desktop.store.link == Connected(False)
            assert engine_pid(desktop) == engine.endpoint.pid
        assert engine.is_running
    finally:
        await engine.stop()


@pytest.mark.slow
async def test_an_engine_stopped_on_purpose_stays_stopped_until_asked(echo_base: BaseDir, qtbot: Any) -> None:
    async with running(echo_base, qtbot) as desktop:
        await stop_engine(echo_base)
        await until(lambda: isinstance(desktop.store.link, Stopped), 10, "the app notices")
        await asyncio.sleep(0.5)
        assert isinstance(desktop.store.link, Stopped)
        await press(qtbot, desktop.window.strip.action)
        await until(lambda: desktop.store.live is not None, 30, "it runs again")


async def test_an_engine_that_cannot_start_says_why(echo_base: BaseDir, qtbot: Any) -> None:
    echo_base.settings_file.write_text("[server]\nport = 99999\n")
    desktop = Desktop(echo_base)
    qtbot.addWidget(desktop.window)
    life = create_task(desktop.run(), name="desktop")
    await until(lambda: "engine" in desktop.window.notices.bars, 20, "the notice")
    notice = next(n for n in desktop.board.notices if n.id == "engine")
    assert "port" in notice.as_text()
    assert notice.action is not None
    desktop.quit()
    await life


async def test_without_a_tray_the_window_says_so_and_closing_it_quits(echo_base: BaseDir, qtbot: Any) -> None:
    desktop = Desktop(echo_base, hidden=True)
    qtbot.addWidget(desktop.window)
    assert not desktop.has_tray
    assert desktop.window.isVisible()
    assert "no-tray" in desktop.window.notices.bars
    life = create_task(desktop.run(), name="desktop")
    desktop.window.closeEvent(QCloseEvent())
    await asyncio.wait_for(life, 20)


@pytest.mark.slow
async def test_the_window_never_blocks_while_an_answer_streams(echo_base: BaseDir, qtbot: Any) -> None:
    async with running(echo_base, qtbot) as desktop:
        desktop.window.go("chat")
        chat = desktop.window.page
        assert isinstance(chat, ChatPage)
        ask(qtbot, chat, "warm up")
        await until(lambda: not chat.conversation.is_busy, 30, "the first answer")
        gaps = Gaps()
        chat.composer.put("- *some* `words` and more\n" * 150)
        qtbot.keyClick(chat.composer.field, Qt.Key.Key_Return)
        await until(lambda: not chat.conversation.is_busy, 60, "the long answer")
        assert gaps.longest_ms() < 400


class Gaps:
    """Measures how long the UI thread was busy at a stretch, with a timer of 5 ms."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._longest = 0.0
        self._timer = QTimer(interval=5, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self._longest, self._last = max(self._longest, now - self._last), now

    def longest_ms(self) -> float:
        self._timer.stop()
        return self._longest * 1000
