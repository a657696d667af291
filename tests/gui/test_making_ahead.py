"""Pages are made ahead: one at a time, in the quiet, while somebody looks; and nothing is drawn on what nobody sees."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from app import making_ahead
from app.dashboard.page import Page
from app.dashboard.pages import PAGES, PageEntry
from app.link import Connected, Lost, Starting
from app.making_ahead import MakingAhead
from spark_engine.types.generation import Timings, Usage
from spark_engine.types.requests import RequestEntry, is_active
from spark_engine.types.state import RequestChanged, StateSnapshot
from tests.gui.conftest import Stage
from tests.gui.states import sample_state


@pytest.fixture
def ahead(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> MakingAhead:
    """On a stage where nothing runs and the engine does not answer yet."""
    monkeypatch.setattr(making_ahead, "QUIET_MS", 20)
    monkeypatch.setattr(making_ahead, "NEXT_MS", 20)
    stage.store.set_link(Starting())
    end_work(stage)
    return MakingAhead(stage.store, stage.window)


def end_work(stage: Stage) -> None:
    assert stage.store.state is not None
    for entry in [one for one in stage.store.state.requests.values() if is_active(one)]:
        stage.feed(RequestChanged(msgspec.structs.replace(entry, phase="finished")))


def made(stage: Stage) -> list[str]:
    return list(stage.window._pages)


def test_every_page_is_made_and_home_stays_in_front(stage: Stage, ahead: MakingAhead, qtbot: Any) -> None:
    qtbot.wait(80)
    assert made(stage) == ["home"]
    stage.store.set_link(Connected(True))
    qtbot.waitUntil(lambda: len(made(stage)) == len(PAGES), timeout=5000)
    assert stage.window.page is stage.window._pages["home"]
    stage.store.set_link(Lost("It ended.", 1, 0.5))
    stage.feed(StateSnapshot(sample_state()))
    stage.store.set_link(Connected(True))
    for page in PAGES:
        stage.window.go(page.id)
        assert stage.window.page.isVisible()


def test_code_is_loaded_once_the_window_is_in_sight(stage: Stage, monkeypatch: Any, qtbot: Any) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(PageEntry, "load", lambda entry: loaded.append(entry.id))
    monkeypatch.setattr(making_ahead, "SHOWN_MS", 20)
    stage.window.hide()
    MakingAhead(stage.store, stage.window)
    qtbot.wait(80)
    assert loaded == []
    stage.window.bring_up()
    qtbot.waitUntil(lambda: loaded == [page.id for page in PAGES], timeout=5000)


def test_a_page_is_not_loaded_before_it_is_wanted() -> None:
    told = "import sys, app.desktop; print(*sorted(name for name in sys.modules if name.endswith('_page')))"
    run = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"


def test_it_waits_until_the_window_is_in_sight_again(stage: Stage, ahead: MakingAhead, qtbot: Any) -> None:
    stage.window.hide()
    stage.store.set_link(Connected(True))
    qtbot.wait(80)
    assert made(stage) == ["home"]
    stage.window.bring_up()
    qtbot.waitUntil(lambda: len(made(stage)) > 2, timeout=5000)
    stage.window.hide()
    there = made(stage)
    qtbot.wait(80)
    assert made(stage) == there
    stage.window.bring_up()
    qtbot.waitUntil(lambda: len(made(stage)) == len(PAGES), timeout=5000)


def test_it_waits_until_the_models_have_nothing_to_do(stage: Stage, ahead: MakingAhead, qtbot: Any) -> None:
    entry = RequestEntry("r-1", "spark-nano:int4", "running", "an app", 0.0, 0.0, Usage(), Timings())
    stage.feed(RequestChanged(entry))
    stage.store.set_link(Connected(True))
    qtbot.wait(80)
    assert made(stage) == ["home"]
    end_work(stage)
    qtbot.waitUntil(lambda: len(made(stage)) == len(PAGES), timeout=5000)


def test_a_page_out_of_sight_draws_once_when_it_comes_into_sight(stage: Stage, qtbot: Any) -> None:
    drawn: list[bool] = []
    page = Page()
    qtbot.addWidget(page)
    page.follow(lambda: drawn.append(page.isVisible()), stage.store.apps_changed)
    for _ in range(3):
        stage.feed(StateSnapshot(sample_state()))
    assert drawn == []
    page.show()
    assert drawn == [True]
    stage.feed(StateSnapshot(sample_state()))
    assert drawn == [True, True]
