"""Requests, Logs and Settings against the real engine: cancel a running answer, see it logged, change and restart."""

from typing import Any

import pytest

from app.conversation import Conversation
from app.dashboard.logs_page import LogsPage
from app.dashboard.requests_page import RequestsPage
from app.dashboard.settings_page import SettingsPage
from app.desktop import Desktop
from app.link import Connected, Stopped
from app.log_rows import TEXT
from app.widgets.choice import Choice
from app.widgets.field import Field
from spark_engine.paths import BaseDir
from tests.gui.conftest import press, running, until
from tests.support.served import ECHO_CARD


@pytest.fixture
def echo_base(base: BaseDir, free_port: int) -> BaseDir:
    """A base directory whose engine has the echo models, loads nothing by itself and takes a free port."""
    folder = base.root / "model_cards"
    folder.mkdir()
    (folder / "echo.toml").write_text(ECHO_CARD)
    ports = f"port = {free_port}  # mine\nhealth_port = 0\nmetrics_port = 0"
    base.settings_file.write_text(f'[server]\n{ports}\n[models]\npreload = false\ndefault = "echo:slow"\n')
    return base


def show(desktop: Desktop, id: str) -> Any:
    desktop.window.go(id)
    return desktop.window.page


@pytest.mark.slow
async def test_a_running_answer_is_seen_cancelled_and_remembered(echo_base: BaseDir, qtbot: Any) -> None:
    async with running(echo_base, qtbot) as desktop:
        talk: Conversation = desktop.conversation
        page = show(desktop, "requests")
        assert isinstance(page, RequestsPage)
        await until(lambda: page.empty.button.text() == "Open chat", 10, "the page is empty")
        talk.ask("word " * 300)
        await until(lambda: page.rows.active_count == 1, 20, "the request appears")
        page.table.selectRow(0)
        await until(lambda: page.details.chip.word == "writing", 20, "it is writing")
        entry = page.details.entry
        assert entry is not None
        await until(
            lambda: (page.details.entry or entry).usage.completion_tokens > 0, 10, "its tokens are counted"
        )
        await press(qtbot, page.details.cancel)
        await until(lambda: page.details.chip.word == "cancelled", 10, "it is cancelled")
        assert page.rows.active_count == 0
        page.recheck()
        await until(lambda: page.rows.row_of(entry.id) == 0, 10, "the history has it")
        kept = page.rows.entry(0)
        assert kept is not None
        assert (kept.phase, kept.client, "word" in repr(kept)) == ("cancelled", kept.client, False)


@pytest.mark.slow
async def test_a_level_changes_at_once_and_a_port_after_the_restart(echo_base: BaseDir, qtbot: Any) -> None:
    async with running(echo_base, qtbot) as desktop:
        logs = show(desktop, "logs")
        assert isinstance(logs, LogsPage)
        await until(lambda: "serving" in _texts(logs), 10, "the engine's first line")
        page = show(desktop, "settings")
        assert isinstance(page, SettingsPage)
        await until(lambda: page.is_live and "log.level" in page.rows, 10, "the settings are there")
        level, slots = page.rows["log.level"].field, page.rows["server.request_timeout_s"].field
        assert isinstance(level, Choice)
        assert isinstance(slots, Field)
        level.setCurrentIndex(level.findData("debug"))
        level.activated.emit(level.currentIndex())
        slots.selectAll()
        qtbot.keyClicks(slots, "77")
        await press(qtbot, page.bar.save)
        await until(lambda: page.bar.follow.isVisible(), 10, "it says what waits for a restart")
        text = echo_base.settings_file.read_text()
        assert "# mine" in text
        assert "request_timeout_s = 77" in text
        assert page.rows["log.level"].chip.word == "spark.toml"
        state = desktop.store.state
        assert state is not None
        first, seen = state.engine.pid, []
        desktop.store.link_changed.connect(lambda: seen.append(desktop.store.link))
        await press(qtbot, page.bar.follow)
        await until(
            lambda: desktop.store.live is not None and desktop.store.live.engine.pid != first,
            30,
            "it is back",
        )
        assert desktop.store.link == Connected(True)
        assert not any(isinstance(link, Stopped) for link in seen)
        assert "engine" not in desktop.window.notices.bars
        await until(lambda: page.rows["server.request_timeout_s"].entry.value == 77, 10, "it runs with it")
        await until(lambda: page.bar.isHidden(), 5, "nothing waits any more")


def _texts(page: LogsPage) -> str:
    return "\n".join(str(page.rows.index(row, TEXT).data()) for row in range(page.rows.rowCount()))
