"""The notice board, and the bars that show it."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app import notices
from app.notices import Notice, NoticeBoard, Remedy, from_error
from spark_engine.errors import NotFound
from tests.gui.conftest import Stage


def test_one_notice_per_id_and_the_newest_is_last(qtbot: Any) -> None:
    board = NoticeBoard()
    board.post(Notice("a", "info", "one"))
    board.post(Notice("b", "warn", "two"))
    board.post(Notice("a", "bad", "three"))
    assert [n.title for n in board.notices] == ["two", "three"]
    board.withdraw("a")
    board.withdraw("unknown")
    assert [n.title for n in board.notices] == ["two"]


def test_passing_notices_leave_by_themselves_unless_replaced(qtbot: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(notices, "PASSING_MS", 30)
    board = NoticeBoard()
    board.post(Notice("a", "ok", "gone soon", passing=True))
    board.post(Notice("b", "ok", "gone soon", passing=True))
    board.post(Notice("b", "bad", "stays"))
    qtbot.waitUntil(lambda: len(board.notices) == 1, timeout=2000)
    qtbot.wait(60)
    assert [n.title for n in board.notices] == ["stays"]


def test_pressing_ones_are_announced(qtbot: Any) -> None:
    board = NoticeBoard()
    with qtbot.waitSignal(board.announced, timeout=500) as heard:
        board.post(Notice("quiet", "info", "one"))
        board.post(Notice("loud", "bad", "two", announce=True))
    assert heard.args[0].id == "loud"


def test_an_error_keeps_its_words_and_code() -> None:
    notice = from_error("x", NotFound("model_not_found", "No such model", "It is not here.", "Rescan."))
    assert notice.as_text() == "No such model\nIt is not here.\nRescan.\ncode: model_not_found"


def test_bars_show_the_newest_two_and_count_the_rest(stage: Stage, qtbot: Any) -> None:
    area = stage.window.notices
    for id in "abcd":
        stage.board.post(Notice(id, "info", f"title {id}", "text"))
    assert list(area.bars) == ["d", "c"]
    assert area._more.text() == "and 2 more"
    qtbot.mouseClick(area.bars["d"].close_button, Qt.MouseButton.LeftButton)
    assert list(area.bars) == ["c", "b"]


def test_the_remedy_button_acts_and_details_are_copied(stage: Stage, qtbot: Any) -> None:
    acted: list[str] = []
    notice = Notice(
        "a", "bad", "It broke", "Why", "Do this", "code: x", Remedy("Try again", lambda: acted.append("x"))
    )
    stage.board.post(notice)
    qtbot.mouseClick(stage.window.notices.bars["a"].copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "It broke\nWhy\nDo this\ncode: x"
    qtbot.mouseClick(stage.window.notices.bars["a"].action, Qt.MouseButton.LeftButton)
    assert acted == ["x"]
    assert "a" not in stage.window.notices.bars
