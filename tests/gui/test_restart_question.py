"""Restarting the engine from the Health page: at once, asked first while something runs, or when that is done."""

from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt

from app.dashboard.health_page import HealthPage
from app.dashboard.restart_question import losses_of
from app.dashboard.settings_page import SettingsPage
from app.link import Connected, Searching
from spark_engine.types.conversions import ConversionEntry, Converting
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import ConversionChanged, ConversionDropped, RequestChanged
from tests.gui.conftest import Stage, press, until
from tests.gui.states import NANO, sample_state
from tests.gui.test_settings_page import entries, entry

RUNNING = RequestEntry("r1", NANO, "running", "app", 1.0)
WAITING = replace(RUNNING, id="r2", phase="waiting")
CONVERSION = ConversionChanged(ConversionEntry("c", NANO, Converting(0.5, "writing"), 1.0))


@pytest.fixture
def page(stage: Stage) -> HealthPage:
    stage.store.set_link(Connected(True))
    stage.window.go("health")
    shown = stage.window.page
    assert isinstance(shown, HealthPage)
    return shown


def over(request: RequestEntry) -> RequestChanged:
    return RequestChanged(replace(request, phase="finished", finished_at=2.0))


async def test_while_nothing_runs_it_restarts_at_once(stage: Stage, page: HealthPage, qtbot: Any) -> None:
    await press(qtbot, page.restart, "Restart engine")
    await until(lambda: stage.link.restarts == 1)
    assert page.question.isHidden()


async def test_while_answers_run_it_asks_and_leaves_them_alone(
    stage: Stage, page: HealthPage, qtbot: Any
) -> None:
    stage.feed(RequestChanged(RUNNING), RequestChanged(WAITING))
    await press(qtbot, page.restart, "Restart engine")
    assert page.question.words.text() == "2 answers would break off. Restart the engine all the same?"
    assert page.question.keep.hasFocus()
    qtbot.keyClick(page.question.keep, Qt.Key.Key_Escape)
    assert page.question.isHidden()
    stage.feed(over(RUNNING), over(WAITING))
    assert stage.link.restarts == 0
    await press(qtbot, page.restart, "Restart engine")
    await until(lambda: stage.link.restarts == 1)


async def test_it_can_be_wanted_all_the_same(stage: Stage, page: HealthPage, qtbot: Any) -> None:
    stage.feed(RequestChanged(RUNNING))
    await press(qtbot, page.restart, "Restart engine")
    await press(qtbot, page.question.go_on, "Restart now")
    await until(lambda: stage.link.restarts == 1)


async def test_when_they_are_done_waits_for_the_last(stage: Stage, page: HealthPage, qtbot: Any) -> None:
    stage.feed(RequestChanged(RUNNING), CONVERSION)
    await press(qtbot, page.restart, "Restart engine")
    assert page.question.words.text().startswith(
        "1 answer would break off and 1 conversion would begin anew."
    )
    await press(qtbot, page.question.other, "When they are done")
    assert page.question.isVisible()
    assert not page.question.other.isVisible()
    stage.feed(over(RUNNING))
    assert stage.link.restarts == 0
    stage.feed(ConversionDropped("c"))
    await until(lambda: stage.link.restarts == 1)
    assert page.question.isHidden()


async def test_who_waits_may_think_again_and_a_lost_engine_ends_the_question(
    stage: Stage, page: HealthPage, qtbot: Any
) -> None:
    stage.feed(RequestChanged(RUNNING))
    await press(qtbot, page.restart, "Restart engine")
    await press(qtbot, page.question.other, "When they are done")
    await press(qtbot, page.question.keep, "Cancel")
    stage.feed(over(RUNNING))
    assert stage.link.restarts == 0
    stage.feed(RequestChanged(RUNNING))
    await press(qtbot, page.restart, "Restart engine")
    stage.store.set_link(Searching())
    assert page.question.isHidden()


async def test_a_saved_setting_that_needs_a_restart_asks_too(stage: Stage, qtbot: Any) -> None:
    stage.store.set_link(Connected(True))
    stage.window.go("settings")
    page = stage.window.page
    assert isinstance(page, SettingsPage)
    page._take(entries(entry("server.port", 8910, "default", 9000)))
    stage.feed(RequestChanged(RUNNING))
    await press(qtbot, page.bar.follow, "Restart engine")
    await press(qtbot, page.restart.keep, "Cancel")
    assert stage.link.restarts == 0
    await press(qtbot, page.bar.follow, "Restart engine")
    await press(qtbot, page.restart.go_on, "Restart now")
    await until(lambda: stage.link.restarts == 1)


def test_what_is_lost_in_words() -> None:
    state = sample_state()
    assert losses_of(state) == ""
    assert losses_of(replace(state, requests={"r1": RUNNING})) == "1 answer would break off."
    two = {"a": CONVERSION.conversion, "b": CONVERSION.conversion}
    assert losses_of(replace(state, conversions=two)) == "2 conversions would begin anew."
