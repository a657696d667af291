"""Start at login on the Settings page: as the system says, changed at once, refused with a reason."""

import sys
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt

from app import start_at_login
from app.dashboard.login_card import LoginCard
from app.dashboard.settings_page import SettingsPage
from app.link import Connected
from spark_engine.life import start_at_login as login
from tests.gui.conftest import Stage
from tests.gui.test_settings_page import entries

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the autostart folder")


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


@pytest.fixture
def card(config: Path, stage: Stage, qtbot: Any) -> LoginCard:
    stage.store.set_link(Connected(True))
    stage.window.go("settings")
    page = stage.window.page
    assert isinstance(page, SettingsPage)
    page._take(entries())
    qtbot.waitUntil(lambda: list(page.rows) == list(entries()), timeout=5000)
    return page.login


def pick(qtbot: Any, card: LoginCard, word: str) -> None:
    card.field.setFocus()
    card.field.showPopup()
    row = card.field.findText(word)
    view = card.field.view()
    qtbot.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(view.model().index(row, 0)).center()
    )


def test_it_is_turned_on_and_off_at_once(card: LoginCard, config: Path, qtbot: Any) -> None:
    assert (card.field.currentText(), card.field.accessibleName()) == ("off", "Start at login")
    pick(qtbot, card, "on")
    assert card.field.currentText() == "on"
    assert "--hidden" in (config / "autostart" / "spark.desktop").read_text()
    pick(qtbot, card, "off")
    assert not start_at_login.is_on()
    assert not list((config / "autostart").iterdir())


def test_what_was_changed_elsewhere_is_seen_when_it_comes_into_sight(card: LoginCard, stage: Stage) -> None:
    stage.window.go("home")
    start_at_login.turn(True)
    stage.window.go("settings")
    assert card.field.currentText() == "on"


def test_a_refusal_is_told_and_the_card_stays_true(
    card: LoginCard, config: Path, stage: Stage, qtbot: Any
) -> None:
    config.write_text("in the way")
    pick(qtbot, card, "on")
    assert card.field.currentText() == "off"
    (notice,) = [n for n in stage.board.notices if n.id == "start_at_login"]
    assert notice.title == "Spark could not be set to start at login"
    assert notice.action is not None
    config.unlink()
    notice.action.act()
    assert start_at_login.is_on()


def test_it_is_found_by_its_words(card: LoginCard, stage: Stage, qtbot: Any) -> None:
    page = stage.window.page
    assert isinstance(page, SettingsPage)
    qtbot.keyClicks(page.finder, "log in")
    assert card.isVisible()
    assert page.nothing.isHidden()
    page.finder.setText("parallel_files")
    assert not card.isVisible()
    page.finder.clear()
    assert card.isVisible()


def test_a_system_that_cannot_says_so(
    monkeypatch: pytest.MonkeyPatch, config: Path, stage: Stage, qtbot: Any
) -> None:
    monkeypatch.setattr(login, "entry", lambda: None)
    card = LoginCard(stage.actions)
    qtbot.addWidget(card)
    assert not card.field.isEnabled()
    assert "does not know how" in card.field.accessibleDescription()
