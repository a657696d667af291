"""What the tray tells: problems that are found and over, not too often, nothing twice, never a prompt."""

from typing import Any

import pytest
from msgspec.structs import replace

from app.announcer import QUIET_S, REPEAT_S, Announcer
from app.notices import Notice, NoticeBoard
from app.problem_notices import SETTLING_S, ProblemNotices
from app.store import Store
from spark_engine.types.health import HealthReport, Problem, Repair
from spark_engine.types.models import LoadFailed
from spark_engine.types.state import HealthChanged, ProblemRaised, StateSnapshot, VariantChanged
from tests.gui.states import NANO, sample_state

FULL = Problem("disk_full", "error", "The disk is full", "2 MB are left.", "Free some.", part="store")
LOW = Problem("memory_low", "warning", "Memory is nearly used up", "5 MB are left.",
              repair=Repair("Free memory now", "free_memory"))  # fmt: skip
AGAIN = Problem("model_restarting", "warning", f"{NANO} is restarting", "It crashed.", part=f"runner:{NANO}")
INFO = Problem("model_loading", "info", "It is loading", "")


class Told:
    """A store with what follows it; `heard` is what the desktop was given."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.store, self.board = Store(), NoticeBoard()
        self.repairs: list[Repair] = []
        self.problems = ProblemNotices(self.store, self.board, self.repairs.append, lambda: self.now)
        self.announcer = Announcer(self.board, lambda: self.now)
        self.board.announced.connect(self.announcer.announce)
        self.heard: list[Notice] = []
        self.announcer.told.connect(self.heard.append)

    def health(self, *problems: Problem) -> None:
        self.store.apply(HealthChanged(HealthReport(True, problems)))

    def begin(self, *problems: Problem) -> None:
        self.store.apply(StateSnapshot(replace(sample_state(), health=HealthReport(True, problems))))

    @property
    def titles(self) -> list[str]:
        return [notice.title for notice in self.board.notices]

    @property
    def said(self) -> list[str]:
        return [notice.title for notice in self.heard]


@pytest.fixture
def told(qtbot: Any) -> Told:
    made = Told()
    made.begin()
    made.now += SETTLING_S
    return made


def test_a_problem_is_told_and_taken_back(told: Told) -> None:
    told.health(FULL)
    told.health(FULL)
    assert (told.said, told.titles) == (["The disk is full"], ["The disk is full"])
    told.health()
    assert (told.said, told.titles) == (["The disk is full"], [])


def test_its_button_does_what_it_says(told: Told) -> None:
    told.health(LOW)
    action = told.board.notices[0].action
    assert action is not None and action.word == "Free memory now"
    action.act()
    assert told.repairs == [LOW.repair]


def test_what_is_no_news_is_not_told(told: Told) -> None:
    download = replace(LOW, id="download_failed:x")
    told.health(INFO, download, replace(LOW, id="b", under="disk_full"))
    assert (told.said, told.titles) == ([], [])


def test_warnings_that_were_there_before_are_not_told_but_errors_are(qtbot: Any) -> None:
    fresh = Told()
    fresh.begin(LOW, FULL)
    fresh.health(LOW, FULL, replace(LOW, id="another"))
    fresh.now += SETTLING_S
    fresh.health(LOW, FULL, replace(LOW, id="another"))
    assert fresh.titles == ["The disk is full"]


def test_what_was_raised_above_the_engine_stands_from_the_start(qtbot: Any) -> None:
    fresh, port = Told(), replace(INFO, id="port", title="Port 8911 is taken")
    fresh.begin()
    fresh.store.apply(ProblemRaised(port))
    fresh.health(port)
    assert (fresh.titles, fresh.said) == (["Port 8911 is taken"], [])


def test_one_that_was_put_away_stays_away(told: Told) -> None:
    told.health(LOW)
    told.board.withdraw("problem:memory_low")
    told.health(replace(LOW, message="4 MB are left."), FULL)
    assert told.titles == ["The disk is full"]


def test_new_words_are_shown_and_not_told_again(told: Told) -> None:
    told.health(LOW)
    told.health(replace(LOW, message="4 MB are left."))
    assert [n.text for n in told.board.notices] == ["4 MB are left."]
    assert len(told.heard) == 1


def test_a_runner_that_is_back_is_told(told: Told) -> None:
    told.health(AGAIN)
    told.health()
    assert told.titles == ["Spark nano is running again"]
    told.health(AGAIN)
    told.store.apply(VariantChanged(NANO, LoadFailed("c", "It cannot be loaded", "m")))
    told.health()
    assert told.titles == []


def test_many_at_once_are_two_messages(told: Told) -> None:
    told.health(FULL, LOW, AGAIN)
    assert told.said == ["The disk is full"]
    told.now += QUIET_S
    told.announcer.tell_held()
    assert told.said == ["The disk is full", "2 more things happened"]
    assert told.heard[1].text == f"Memory is nearly used up.\n{NANO} is restarting."
    assert told.heard[1].tone == "warn"
    told.announcer.tell_held()
    assert len(told.heard) == 2


def test_what_is_over_when_its_turn_comes_is_not_told(told: Told) -> None:
    told.health(FULL, LOW)
    told.health(FULL)
    told.announcer.tell_held()
    assert told.said == ["The disk is full"]


def test_what_comes_and_goes_is_told_once_in_a_while(told: Told) -> None:
    for _ in range(20):
        told.now += QUIET_S + 1
        told.health(LOW)
        told.health()
        told.announcer.tell_held()
    assert told.said == ["Memory is nearly used up"]
    told.now += REPEAT_S
    told.health(LOW)
    assert len(told.heard) == 2


def test_the_quiet_ends_by_itself(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.announcer.QUIET_S", 0.05)
    board = NoticeBoard()
    announcer, heard = Announcer(board), []
    announcer.told.connect(heard.append)
    announcer.announce(Notice("a", "ok", "one"))
    announcer.announce(Notice("b", "ok", "two"))
    assert len(heard) == 1
    qtbot.waitUntil(lambda: [n.title for n in heard] == ["one", "two"], timeout=2000)
