"""The Apps page: a card per program, its figures, and what its owner decides, by mouse and keyboard."""

from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import Qt

from app.app_words import asked, place, seen, standing
from app.dashboard.apps_page import AppsPage
from app.link import Connected, Stopped
from spark_engine.types.apps import AppEntry, Usage
from spark_engine.types.state import AppChanged, AppDropped
from tests.gui.conftest import Stage, choose, until

CURL = AppEntry("curl-1", "curl", "/usr/bin/curl", "", "curl/8", (9,), 1000.0, 2000.0, 0, 0, 0,
                Usage(1240, 3, 80.0, 1200.0), 4000, 200, 63_000.0, 0.63)  # fmt: skip
TOOL = AppEntry(
    "tool-2", "tool.py (Python)", "/usr/bin/python3", "/home/a/tool.py", since=1.0, last_seen=3000.0
)


def page_of(stage: Stage, *apps: AppEntry) -> AppsPage:
    stage.store.set_link(Connected(True))
    stage.feed(*(AppChanged(app) for app in apps))
    stage.window.go("apps")
    page = stage.window.page
    assert isinstance(page, AppsPage)
    return page


def test_nobody_yet(stage: Stage) -> None:
    page = page_of(stage)
    assert (page.is_live, page.empty._title.text()) == (False, "No app has asked yet")
    page.empty.button.click()
    assert stage.window.page is not page
    stage.window.go("apps")
    stage.store.set_link(Stopped())
    assert page.empty._title.text() == "The engine is stopped"


def test_who_asked_last_stands_first_and_stays_there(stage: Stage) -> None:
    page = page_of(stage, CURL, TOOL)
    assert [page.column.indexOf(page.rows[id]) for id in ("tool-2", "curl-1")] == [2, 3]
    row = page.rows["curl-1"]
    stage.feed(AppChanged(replace(CURL, last_seen=9000.0, active=2)))
    assert page.column.indexOf(row) == 3, "nothing jumps away from under the pointer"
    assert (page.rows["curl-1"] is row, row.chip.word) == (True, "2 requests now")
    assert row.meter.shares == (0.63, 0.0)
    stage.feed(AppDropped("tool-2"))
    assert list(page.rows) == ["curl-1"]


async def test_pause_and_resume(stage: Stage, qtbot: Any) -> None:
    page = page_of(stage, CURL)
    row = page.rows["curl-1"]
    assert row.pause.accessibleName() == "Pause: curl"
    row.pause.setFocus()
    qtbot.keyClick(row.pause, Qt.Key.Key_Space)
    await until(lambda: ("pause_app", "curl-1") in stage.client.calls)
    stage.feed(AppChanged(replace(CURL, paused=True, waiting=2)))
    assert (row.chip.word, row.pause.text()) == ("Paused, 2 waiting", "Resume")
    qtbot.mouseClick(row.pause, Qt.MouseButton.LeftButton)
    await until(lambda: ("resume_app", "curl-1") in stage.client.calls)


async def test_block_and_unblock(stage: Stage, qtbot: Any) -> None:
    page = page_of(stage, CURL)
    row = page.rows["curl-1"]
    assert row.block.isHidden()
    choose(qtbot, row, "Block")
    await until(lambda: ("block_app", "curl-1") in stage.client.calls)
    stage.feed(AppChanged(replace(CURL, blocked=True, refused=3)))
    assert (row.chip.word, row.pause.isHidden(), row.block.isHidden()) == ("Blocked", True, False)
    qtbot.mouseClick(row.block, Qt.MouseButton.LeftButton)
    await until(lambda: ("unblock_app", "curl-1") in stage.client.calls)


async def test_rank(stage: Stage, qtbot: Any) -> None:
    page = page_of(stage, CURL)
    rank = page.rows["curl-1"].rank
    assert rank.currentText() == "In turn"
    rank.setFocus()
    qtbot.keyClick(rank, Qt.Key.Key_Up)
    await until(lambda: ("rank_app", "curl-1", "first") in stage.client.calls)
    stage.feed(AppChanged(replace(CURL, rank="last")))
    assert rank.currentText() == "Goes last"


def test_a_hundred_apps_do_not_hold_the_window_up(stage: Stage, qtbot: Any) -> None:
    apps = [replace(CURL, id=f"a-{n}", name=f"app {n}", last_seen=float(n)) for n in range(100)]
    page = page_of(stage, *apps)
    assert len(page.rows) < 20
    qtbot.waitUntil(lambda: len(page.rows) == 100, timeout=10_000)
    assert page.column.indexOf(page.rows["a-99"]) == 2 and page.column.indexOf(page.rows["a-0"]) == 101


def test_words() -> None:
    assert standing(TOOL).word == "Idle"
    assert place(TOOL) == "/usr/bin/python3 /home/a/tool.py"
    assert "does not tell" in place(AppEntry("unknown", "Unknown program"))
    assert asked(CURL).startswith(
        "1,240 requests · 3 errors · half within 80 ms, 95 % within 1.2 s · 4,000 tokens read"
    )
    assert asked(replace(TOOL, refused=1)) == "no request since Spark started · 1 request refused"
    assert "calls itself curl/8" in seen(CURL)
