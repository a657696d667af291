"""The keys of the window do what the help says, wherever the focus is."""

from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QLabel

from app.dashboard.pages import PAGES
from app.dashboard.shortcuts import SHORTCUTS, page_keys
from app.link import Connected
from tests.gui.conftest import Stage

LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def live(stage: Stage) -> Stage:
    stage.store.set_link(Connected(True))
    return stage


def in_front(stage: Stage) -> str:
    return next(id for id, button in stage.window.rail.buttons.items() if button.isChecked())


def press_key(qtbot: Any, keys: str) -> None:
    """As somebody presses it: to whatever has the focus."""
    combined = QKeySequence(keys)[0]
    qtbot.keyClick(QApplication.focusWidget(), combined.key(), combined.keyboardModifiers())


@pytest.mark.parametrize("page", [page.id for page in PAGES])
def test_every_page_has_its_key_from_every_other_page(live: Stage, page: str, qtbot: Any) -> None:
    for other in ("chat", "settings", "models"):
        live.window.go(other)
        press_key(qtbot, page_keys()[page])
        assert in_front(live) == page


def test_the_keys_are_those_of_the_help_and_no_two_are_the_same(live: Stage, qtbot: Any) -> None:
    bound = [
        key.key().toString() for key in live.window.findChildren(QShortcut) if key.parent() is live.window
    ]
    wanted = [*page_keys().values(), *(shortcut.keys for shortcut in SHORTCUTS)]
    assert sorted(bound) == sorted(wanted)
    assert len(set(wanted)) == len(wanted)
    assert {"Ctrl+L", "Ctrl+N", "Esc", "F1", "F5"} <= set(wanted)
    press_key(qtbot, "F1")
    said = {found.text() for found in live.window.help.findChildren(QLabel)}
    assert {shortcut.keys for shortcut in SHORTCUTS} <= said
    assert "Ctrl+1 … Ctrl+0" in said


def test_ctrl_l_opens_the_choice_of_a_model(live: Stage, qtbot: Any) -> None:
    press_key(qtbot, "Ctrl+L")
    assert in_front(live) == "chat"
    picker: Any = live.window.page.picker  # type: ignore[attr-defined]
    assert picker.view().isVisible()
    picker.hidePopup()


def test_ctrl_n_begins_a_chat_with_the_cursor_in_the_field(live: Stage, qtbot: Any) -> None:
    live.window.go("health")
    press_key(qtbot, "Ctrl+N")
    assert in_front(live) == "chat"
    assert QApplication.focusWidget() is live.window.page.composer.field  # type: ignore[attr-defined]


def test_esc_reaches_the_window_from_every_page(live: Stage, qtbot: Any) -> None:
    for page in PAGES:
        live.window.go(page.id)
        stopped = []
        key = next(k for k in live.window.findChildren(QShortcut) if k.key().toString() == "Esc")
        key.activated.connect(lambda stopped=stopped: stopped.append(1))
        press_key(qtbot, "Esc")
        assert stopped, page.id


def test_f5_looks_again_at_the_page_in_front(
    live: Stage, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for page in PAGES:
        live.window.go(page.id)
        monkeypatch.setattr(live.window.page, "recheck", lambda id=page.id: asked.append(id))
        press_key(qtbot, "F5")
    assert asked == [page.id for page in PAGES]


def test_help_opens_closes_and_gives_the_focus_back(live: Stage, qtbot: Any) -> None:
    before = live.window.rail.buttons["apps"]
    before.setFocus()
    card = live.window.help
    press_key(qtbot, "F1")
    assert card.isVisible()
    assert QApplication.focusWidget() is card.ask
    order = []
    for _ in range(5):
        order.append(QApplication.focusWidget())
        press_key(qtbot, "Tab")
    assert order[0] is order[4] and len(set(order)) == 4
    assert all(card.isAncestorOf(widget) for widget in order)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert card.isHidden()
    assert QApplication.focusWidget() is before
    press_key(qtbot, "F1")
    qtbot.mouseClick(card, LEFT, pos=QPoint(5, 5))
    assert card.isHidden()


def test_help_leads_on(live: Stage, qtbot: Any) -> None:
    card = live.window.help
    press_key(qtbot, "F1")
    qtbot.mouseClick(card.describe, LEFT)
    assert QGuiApplication.clipboard().text() == "http://127.0.0.1:8910/docs"
    assert card.isHidden()
    for button, page in ((card.ask, "chat"), (card.logs, "logs")):
        press_key(qtbot, "F1")
        qtbot.mouseClick(button, LEFT)
        assert (in_front(live), card.isHidden()) == (page, True)
    press_key(qtbot, "F1")
    press_key(qtbot, "Ctrl+4")
    assert (in_front(live), card.isHidden()) == ("acceleration", True)


def test_ctrl_w_closes_the_window(live: Stage, qtbot: Any) -> None:
    with qtbot.waitSignal(live.window.closed, timeout=1000):
        press_key(qtbot, "Ctrl+W")
