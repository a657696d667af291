"""The Logs page: lines as they come, filtered, paused, copied, followed only while somebody looks."""

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.dashboard.logs_page import LogsPage
from app.link import Connected, Stopped
from app.log_rows import MOST, TEXT
from spark_engine.errors import NotAllowed
from spark_engine.types.logs import LEVELS, LogLine, LogPage
from tests.gui.conftest import Stage, until

LEFT = Qt.MouseButton.LeftButton


def lines(first: int, count: int) -> LogPage:
    parts = ("engine", "runner", "app")
    made = tuple(
        LogLine(n, 1000.0 + n, parts[n % 3], LEVELS[n % 4], f"logger{n % 3}", f"line {n}")  # type: ignore[arg-type]
        for n in range(first, first + count)
    )
    return LogPage(made, first + count - 1)


@pytest.fixture
def page(stage: Stage) -> LogsPage:
    stage.store.set_link(Connected(True))
    stage.window.go("logs")
    shown = stage.window.page
    assert isinstance(shown, LogsPage)
    return shown


def texts(page: LogsPage) -> list[str]:
    return [str(page.rows.index(row, TEXT).data()) for row in range(page.rows.rowCount())]


def test_reading_then_lines_then_still_there_without_an_engine(stage: Stage, page: LogsPage) -> None:
    assert not page.is_live
    page.feed.came.emit(LogPage((), 0))
    assert not page.is_live
    page.feed.came.emit(lines(1, 3))
    assert page.is_live
    assert texts(page) == ["line 1", "line 2", "line 3"]
    stage.store.set_link(Stopped())
    assert page.is_live  # what was read before the engine stopped is what one wants to see then


def test_without_an_engine_and_lines_it_says_where_they_are(stage: Stage, page: LogsPage, qtbot: Any) -> None:
    stage.store.set_link(Stopped())
    assert str(stage.window.context.base.logs) in page.empty._text.text()
    qtbot.mouseClick(page.empty.button, LEFT)
    assert stage.link.starts == 1


def test_by_level_part_and_text(page: LogsPage, qtbot: Any) -> None:
    page.feed.came.emit(lines(1, 24))
    page.head.level.setCurrentIndex(page.head.level.findData("warning"))
    assert texts(page) == [f"line {n}" for n in range(1, 25) if n % 4 >= 2]
    page.head.part.setCurrentIndex(page.head.part.findData("runner"))
    assert texts(page) == [f"line {n}" for n in range(1, 25) if n % 4 >= 2 and n % 3 == 1]
    assert page.head.told.text() == "4 of 24 lines"
    page.feed.came.emit(LogPage((LogLine(25, 1.0, "engine", "error", "x", "no"),), 25))
    assert len(texts(page)) == 4
    page.head.level.setCurrentIndex(0)
    page.head.part.setCurrentIndex(0)
    qtbot.keyClicks(page.head.finder, "LINE 7")
    assert texts(page) == ["line 7"]


def test_paused_it_stands_still_and_nothing_is_lost(page: LogsPage, qtbot: Any) -> None:
    page.feed.came.emit(lines(1, 5))
    qtbot.mouseClick(page.head.pause, LEFT)
    page.feed.came.emit(lines(6, 2))
    assert len(texts(page)) == 5
    assert page.head.told.text() == "Paused, 2 new lines"
    qtbot.mouseClick(page.head.pause, LEFT)
    assert texts(page)[-1] == "line 7"
    assert page.head.told.text() == "7 lines"


def test_at_the_end_it_stays_there_elsewhere_it_stays_put(page: LogsPage, qtbot: Any) -> None:
    page.feed.came.emit(lines(1, 200))
    qtbot.wait(20)
    bar = page.table.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    assert page.jump.isHidden()
    page.feed.came.emit(lines(201, 5))
    qtbot.wait(20)
    assert bar.value() == bar.maximum()
    bar.setValue(40)
    page.feed.came.emit(lines(206, 5))
    qtbot.wait(20)
    assert bar.value() == 40
    assert not page.jump.isHidden()
    qtbot.mouseClick(page.jump, LEFT)
    qtbot.wait(20)
    assert bar.value() == bar.maximum()
    assert page.jump.isHidden()


def test_no_more_lines_than_anybody_reads(page: LogsPage) -> None:
    for first in range(1, MOST + 2001, 1000):
        page.feed.came.emit(lines(first, 1000))
    assert page.rows.rowCount() == page.rows.count == MOST
    assert texts(page)[0] == "line 2001"


def test_copying_the_chosen_or_all(page: LogsPage, qtbot: Any) -> None:
    page.feed.came.emit(
        LogPage((LogLine(1, 1.5, "runner", "error", "m:v", "boom\nTraceback"), *lines(2, 2).lines), 3)
    )
    qtbot.mouseClick(page.head.copy, LEFT)
    assert len(QGuiApplication.clipboard().text().splitlines()) == 4
    page.table.selectRow(0)
    assert page.whole.text() == "boom\nTraceback"
    assert texts(page)[0] == "boom …"
    qtbot.mouseClick(page.head.copy, LEFT)
    copied = QGuiApplication.clipboard().text()
    assert copied.splitlines()[1] == "Traceback"
    assert " runner ERROR m:v: boom" in copied.splitlines()[0]


async def test_lines_are_followed_only_while_the_page_is_in_sight(stage: Stage) -> None:
    stage.client.replies["follow_logs"] = (lines(1, 2), lines(3, 1))
    stage.store.set_link(Connected(True))
    stage.window.go("logs")
    page = stage.window.page
    assert isinstance(page, LogsPage)
    await until(lambda: len(texts(page)) == 3)
    stage.window.go("home")
    await until(lambda: stage.client.calls[-1] == ("logs unfollowed",))
    stage.window.go("logs")
    await until(lambda: stage.client.calls[-1] == ("follow_logs",) and len(texts(page)) == 3)
    stage.store.set_link(Stopped())
    await until(lambda: stage.client.calls[-1] == ("logs unfollowed",))
    assert not page.feed.is_running


async def test_a_refusal_is_told(stage: Stage) -> None:
    def refused(**options: object) -> Any:
        raise NotAllowed("owner_required", "Only the owner", "Not you.", "Do this.")

    stage.client.follow_logs = refused
    stage.store.set_link(Connected(True))
    stage.window.go("logs")
    page = stage.window.page
    assert isinstance(page, LogsPage)
    await until(lambda: not page.trouble.isHidden())
    assert page.trouble.text() == "Only the owner. Not you. Do this."
