"""The Health page: problems below their causes with buttons that work, rows that change in place, every state."""

from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.dashboard.health_page import HealthPage
from app.health_words import member_mark, member_words, overall, usage_words
from app.link import Connected, Lost, Refused, Searching, Stopped
from app.moments import moment
from app.widgets.tab_order import focusable
from spark_engine.types.apps import Usage
from spark_engine.types.ecosystem import EcosystemMember, NotAsked, Reachable, SwitchedOff, Unreachable
from spark_engine.types.health import HealthReport, PartHealth, Problem, Repair
from spark_engine.types.state import HealthChanged, StateSnapshot
from tests.gui.conftest import Stage, until
from tests.gui.states import sample_state

PARTS = (
    PartHealth("api", "API", "ok", "http://127.0.0.1:1"),
    PartHealth("store", "Store", "warning", "1 GB free"),
)
FORGE = EcosystemMember(
    "forge", "FORGE", "http://127.0.0.1:8960", Reachable(3.0), 1.0, 1.0, Usage(2, 1, 5.0, 9.0)
)
CAUSE = Problem("disk", "error", "The disk is full", "No room.", "Free some.", part="store", since=1000.0)
CHILD = Problem("d:x", "warning", "x was not downloaded", "M", "R", under="disk",
                repair=Repair("Try again", "resume_download", "x"))  # fmt: skip
WELL = HealthReport(True, (), PARTS, (FORGE,))
ILL = HealthReport(False, (CAUSE, CHILD), PARTS, (FORGE,))


def page_of(stage: Stage, report: HealthReport = ILL) -> HealthPage:
    stage.store.set_link(Connected(True))
    stage.feed(HealthChanged(report))
    stage.window.go("health")
    page = stage.window.page
    assert isinstance(page, HealthPage)
    return page


def test_what_it_shows(stage: Stage) -> None:
    page = page_of(stage)
    assert page.is_live
    assert (page.title.text(), page.line.text()) == (
        "1 thing needs attention",
        "Spark cannot answer requests now.",
    )
    assert list(page.problems) == ["disk", "d:x"]
    assert page.problems["d:x"].chip.x() > page.problems["disk"].chip.x(), (
        "what is caused stands to the right"
    )
    assert page.problems["disk"].button.isHidden()
    assert page.parts["store"].chip.word == "Warning"
    assert page.members["forge"].more.text().startswith("asked of Spark: 2 requests · 1 error")


async def test_the_button_does_it(stage: Stage, qtbot: Any) -> None:
    page = page_of(stage)
    button = page.problems["d:x"].button
    assert (button.text(), button.accessibleName()) == ("Try again", "Try again: x was not downloaded")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    await until(lambda: ("resume_download", "x") in stage.client.calls)


@pytest.mark.parametrize(
    ("repair", "call"),
    [
        (Repair("w", "load", "m:v"), ("load", "m:v")),
        (Repair("w", "install", "gguf"), ("install_component", "gguf")),
        (Repair("w", "free_memory"), ("free_memory",)),
        (Repair("w", "rescan"), ("rescan",)),
        (Repair("w", "resume_app", "a"), ("resume_app", "a")),
    ],
)
async def test_every_repair(stage: Stage, qtbot: Any, repair: Repair, call: tuple[str, ...]) -> None:
    page = page_of(stage, replace(ILL, problems=(replace(CAUSE, repair=repair),)))
    page.problems["disk"].button.click()
    await until(lambda: call in stage.client.calls)


def test_a_repair_may_open_a_page(stage: Stage) -> None:
    page = page_of(stage, replace(ILL, problems=(replace(CAUSE, repair=Repair("w", "open_page", "models")),)))
    page.problems["disk"].button.click()
    assert stage.window.page is not page


def test_rows_change_in_place_and_problems_go(stage: Stage) -> None:
    page = page_of(stage)
    api, cause = page.parts["api"], page.problems["disk"]
    stage.feed(HealthChanged(replace(ILL, parts=(replace(PARTS[0], state="busy", facts="x"), PARTS[1]))))
    assert page.parts["api"] is api and page.problems["disk"] is cause
    assert (api.chip.word, api.facts.text()) == ("Working", "x")
    stage.feed(HealthChanged(WELL))
    assert page.problems == {}
    assert page.title.text() == "All is well"
    stage.feed(HealthChanged(ILL))
    assert list(page.problems) == ["disk", "d:x"]


async def test_check_now_and_f5(stage: Stage, qtbot: Any) -> None:
    page = page_of(stage)
    qtbot.mouseClick(page.check, Qt.MouseButton.LeftButton)
    await until(lambda: stage.client.calls.count(("check_health",)) == 1 and page.check.isEnabled())
    qtbot.keyClick(stage.window, Qt.Key.Key_F5)
    await until(lambda: stage.client.calls.count(("check_health",)) == 2)


@pytest.mark.parametrize(
    ("link", "title"),
    [
        (Searching(), "Starting"),
        (Stopped(), "The engine is stopped"),
        (Lost("It ended.", 1, 0.5), "The engine ended unexpectedly"),
        (Refused("c", "The port is busy", "M", "R"), "The port is busy"),
    ],
)
def test_without_an_engine(stage: Stage, link: Any, title: str) -> None:
    page = page_of(stage)
    stage.store.set_link(link)
    assert not page.is_live
    assert page.empty._title.text() == title
    if isinstance(link, Stopped | Refused):
        page.empty.button.click()
        assert stage.link.starts == 1


def test_before_the_first_look(stage: Stage) -> None:
    page = page_of(stage, HealthReport(False))
    assert (page.is_live, page.empty._title.text()) == (False, "Checking every part of Spark")
    stage.feed(StateSnapshot(replace(sample_state(), health=WELL)))
    assert page.is_live


@pytest.mark.parametrize("page", ["health", "apps"])
def test_all_that_takes_the_focus_has_a_name(stage: Stage, page: str) -> None:
    page_of(stage)
    stage.window.go(page)
    nameless = [
        w for w in focusable(stage.window.page) if not w.accessibleName() and w.isVisibleTo(stage.window)
    ]
    assert [w for w in nameless if not _is_viewport(w)] == []


def _is_viewport(widget: QWidget) -> bool:
    return widget.objectName().startswith("qt_")


@pytest.mark.parametrize(
    ("status", "seen", "word", "words"),
    [
        (Reachable(3.0), 1.0, "Reachable", "3 ms"),
        (Reachable(3.0, True, "it has no /health"), 1.0, "Reachable", "3 ms · it has no /health"),
        (Reachable(3.0, False, "x"), 1.0, "Not well", "3 ms · x"),
        (Unreachable("nothing listens there"), None, "Not reachable", "nothing listens there"),
        (Unreachable("x"), 1.0, "Gone", f"x · last seen {moment(1.0)}"),
        (SwitchedOff(), None, "Switched off", "an address in the settings switches it on"),
        (NotAsked(), None, "Not asked yet", ""),
    ],
)
def test_what_is_said_of_the_ecosystem(status: Any, seen: float | None, word: str, words: str) -> None:
    member = replace(FORGE, status=status, last_seen=seen)
    assert (member_mark(member).word, member_words(member)) == (word, words)


def test_words() -> None:
    assert usage_words(Usage()) == ""
    assert (
        usage_words(Usage(1240, 1, 80.0, 1200.0))
        == "1,240 requests · 1 error · half within 80 ms, 95 % within 1.2 s"
    )
    notes = replace(WELL, problems=(replace(CAUSE, severity="info"),))
    assert (overall(notes).title, overall(replace(WELL, ready=False)).title) == (
        "All is well",
        "Almost ready",
    )
    noon = 1_700_000_000.0
    assert moment(0) == ""
    assert moment(noon, noon + 60) == moment(noon, noon) and len(moment(noon, noon)) == 5
    assert moment(noon, noon + 86400).startswith("yesterday ")
    assert " Nov " in moment(noon, noon + 5 * 86400)
