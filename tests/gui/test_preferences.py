"""What people choose for the window itself: it holds at once and after the next start; nothing moves by itself."""

from typing import Any

from PySide6.QtCore import QAbstractAnimation, Qt

from app.dashboard.pages import PAGES
from app.link import Connected
from app.preferences import Preferences, keep_preferences, read_preferences
from app.theme import appearance
from spark_engine.paths import BaseDir
from tests.gui.conftest import Stage
from tests.gui.showcase import settings


def theme_choice(stage: Stage) -> Any:
    stage.store.set_link(Connected(True))
    stage.window.go("settings")
    page: Any = stage.window.page
    page._take(settings())
    assert page.is_live
    return page.theme.field


def test_a_choice_holds_at_once_and_is_remembered(stage: Stage, qtbot: Any) -> None:
    field = theme_choice(stage)
    assert field.currentText() == "As the system"
    field.setFocus()
    try:
        for _ in range(2):
            qtbot.keyClick(field, Qt.Key.Key_Down)
        assert (field.currentText(), appearance().theme.name) == ("Dark", "dark")
        assert read_preferences(stage.window.context.base).forced_theme == "dark"
        qtbot.keyClick(field, Qt.Key.Key_Home)
        assert read_preferences(stage.window.context.base).forced_theme is None
    finally:
        appearance().force("light")


def test_a_choice_that_cannot_be_kept_says_so(stage: Stage, qtbot: Any, expect_log: Any) -> None:
    expect_log("window.json is ignored")
    folder = stage.window.context.base.state
    if folder.exists():
        folder.rmdir()
    folder.write_text("not a folder")
    field = theme_choice(stage)
    field.setFocus()
    qtbot.keyClick(field, Qt.Key.Key_Down)
    assert stage.board.notices[-1].title == "The choice could not be kept"
    assert appearance().theme.name == "light"


def test_a_damaged_file_is_as_good_as_none(base: BaseDir, expect_log: Any) -> None:
    expect_log("window.json is ignored")
    keep_preferences(base, Preferences("light"))
    assert read_preferences(base) == Preferences("light")
    (base.state / "window.json").write_text('{"theme": "purple"}')
    assert read_preferences(base) == Preferences()


def test_the_search_finds_it(stage: Stage, qtbot: Any) -> None:
    field, page = theme_choice(stage), stage.window.page
    qtbot.keyClicks(page.finder, "dark")  # type: ignore[attr-defined]
    assert field.isVisible()
    page.finder.setText("no such thing")  # type: ignore[attr-defined]
    assert not field.isVisible()


def test_nothing_moves_by_itself(stage: Stage, qtbot: Any) -> None:
    """No motion needs no setting to end it: there is none for those who ask their system for less."""
    stage.store.set_link(Connected(True))
    for page in PAGES:
        stage.window.go(page.id)
        qtbot.mouseMove(stage.window.rail.buttons[page.id])
        qtbot.wait(5)
        assert stage.window.findChildren(QAbstractAnimation) == [], page.id
