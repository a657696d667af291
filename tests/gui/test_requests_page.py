"""The Requests page: what runs, waits and is over; older ones fetched; cancel, copy, find; ten thousand rows."""

import shlex
import time
from time import perf_counter
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app.dashboard.requests_page import RequestsPage
from app.link import Connected, Stopped
from app.request_curl import PROMPT, curl_command
from app.request_rows import APP, STATE, TIME, TOKENS
from app.request_words import stages, when
from spark_engine.errors import Unavailable
from spark_engine.types.generation import SamplingOptions, Timings, Usage
from spark_engine.types.requests import RequestEntry, RequestPage
from spark_engine.types.state import RequestChanged, RequestsSampled, StateSnapshot
from tests.gui.conftest import Stage, until
from tests.gui.states import NANO, READY, sample_state

LEFT = Qt.MouseButton.LeftButton
NOW = time.time()


def over(number: int, at: float | None = None, **fields: Any) -> RequestEntry:
    timings = Timings(load_ms=2.0, queue_ms=100.0, prefill_ms=400.0, decode_ms=500.0, tokens_per_second=20.0)
    ended = NOW - 1000 + number if at is None else at
    entry = RequestEntry(
        f"r{number}", NANO, "finished", "Editor", ended - 1.1, ended, Usage(50, 11, 20), timings, device="CPU"
    )
    return replace(entry, **fields)


def running(id: str = "now", **fields: Any) -> RequestEntry:
    timings = Timings(load_ms=2.0, queue_ms=3.0, prefill_ms=95.0, first_token_ms=100.0)
    entry = RequestEntry(id, NANO, "running", "Notes", NOW - 4, usage=Usage(50, 7, 20), timings=timings)
    return replace(entry, **fields)


def waiting(id: str, after: float = 0.0) -> RequestEntry:
    return RequestEntry(id, NANO, "waiting", "curl", NOW + after, timings=Timings(load_ms=2.0))


@pytest.fixture
def page(stage: Stage) -> RequestsPage:
    stage.store.set_link(Connected(True))
    stage.window.go("requests")
    shown = stage.window.page
    assert isinstance(shown, RequestsPage)
    return shown


def ids(page: RequestsPage) -> list[str]:
    entries = (page.rows.entry(row) for row in range(page.rows.rowCount()))
    return [entry.id for entry in entries if entry is not None]


def cell(page: RequestsPage, row: int, column: int) -> str:
    return str(page.rows.index(row, column).data())


def test_nothing_yet_then_live_then_gone(stage: Stage, page: RequestsPage, qtbot: Any) -> None:
    assert not page.is_live
    qtbot.mouseClick(page.empty.button, LEFT)
    assert stage.window.rail.buttons["chat"].isChecked()
    stage.window.go("requests")
    stage.feed(RequestChanged(running()))
    assert page.is_live
    assert page.summary.text() == "1 running"
    stage.store.set_link(Stopped())
    assert not page.is_live
    qtbot.mouseClick(page.empty.button, LEFT)
    assert stage.link.starts == 1


def test_what_runs_and_waits_stands_first_with_its_place(stage: Stage, page: RequestsPage) -> None:
    one_slot = {v.id: v for m in sample_state(replace(READY, slots=1)).models.values() for v in m.variants}
    assert NANO in one_slot
    stage.feed(StateSnapshot(sample_state(replace(READY, slots=1))))
    entries = (over(1), over(2), waiting("w1", 1), waiting("w2", 2), running())
    stage.feed(*(RequestChanged(e) for e in entries), RequestsSampled(("w2", "w1"), {"now": 9}))
    assert ids(page) == ["now", "w2", "w1", "r2", "r1"]
    assert [cell(page, row, STATE).partition(",")[0] for row in range(4)] == [
        "writing", "next", "number 2", "finished",
    ]  # fmt: skip
    assert "s" in cell(page, 2, STATE).partition(",")[2]
    assert (cell(page, 0, TOKENS), cell(page, 0, APP)) == ("50 → 9", "Notes")


def test_a_row_changes_in_place_and_others_are_left_alone(stage: Stage, page: RequestsPage) -> None:
    stage.feed(*(RequestChanged(over(n)) for n in range(100)), RequestChanged(running()))
    changed: list[int] = []
    page.rows.dataChanged.connect(lambda first, last: changed.extend(range(first.row(), last.row() + 1)))
    page.rows.modelReset.connect(lambda: changed.append(-1))
    stage.feed(RequestsSampled((), {"now": 12}))
    assert changed == [0]
    stage.feed(RequestsSampled((), {"now": 12}))
    assert changed == [0]


def test_a_request_that_ends_stays_the_chosen_one(stage: Stage, page: RequestsPage) -> None:
    stage.feed(RequestChanged(over(1)), RequestChanged(running("a")), RequestChanged(running("b")))
    page.table.selectRow(0)
    assert page.details.isVisible()
    assert not page.details.cancel.isHidden()
    stage.feed(RequestChanged(over(7, at=NOW, id="a")))
    assert ids(page) == ["b", "a", "r1"]
    assert page.table.currentIndex().row() == 1
    assert page.details.entry is not None
    assert (page.details.entry.id, page.details.entry.phase) == ("a", "finished")
    assert page.details.cancel.isHidden()


def test_the_waterfall_tells_where_the_time_went(stage: Stage, page: RequestsPage) -> None:
    stage.feed(RequestChanged(over(1)))
    page.table.selectRow(0)
    shown = page.details.waterfall.stretches
    assert [s.word for s in shown] == ["Load", "Queue", "Prompt", "Answer", "Other"]
    assert [s.start for s in shown] == [0.0, 2.0, 102.0, 502.0, 1002.0]
    assert "20 of 50 tokens cached" in shown[2].told
    assert "Answer 500 ms" in page.details.waterfall.accessibleDescription()
    assert "Prompt 400 ms" in page.rows.index(0, TIME).data(Qt.ItemDataRole.AccessibleTextRole)


@pytest.mark.parametrize(
    ("entry", "current", "known"),
    [
        (RequestEntry("a", NANO, "loading", "", NOW), "load", []),
        (waiting("a"), "queue", ["load"]),
        (running(timings=Timings(load_ms=2.0, queue_ms=3.0)), "prefill", ["load", "queue"]),
        (running(), "decode", ["load", "queue", "prefill"]),
    ],
)
def test_the_present_stage_lasts_until_now(entry: RequestEntry, current: str, known: list[str]) -> None:
    found = stages(entry, NOW + 10)
    assert [s.kind for s in found] == [*known, current]
    assert found[-1].is_open
    assert found[-1].start + found[-1].length == pytest.approx((NOW + 10 - entry.accepted_at) * 1000)


async def test_cancel_asks_the_engine_once(stage: Stage, page: RequestsPage, qtbot: Any) -> None:
    stage.feed(RequestChanged(running()))
    page.table.selectRow(0)
    qtbot.mouseClick(page.details.cancel, LEFT)
    assert not page.details.cancel.isEnabled()
    await until(lambda: ("cancel_request", "now") in stage.client.calls)
    await until(page.details.cancel.isEnabled)


def test_copy_as_curl_has_everything_but_the_prompt(stage: Stage, page: RequestsPage, qtbot: Any) -> None:
    asked = over(1, sampling=SamplingOptions(temperature=0.2, seed=4, logprobs=2), max_tokens=40)
    stage.feed(RequestChanged(asked))
    page.table.selectRow(0)
    qtbot.mouseClick(page.details.copy_curl, LEFT)
    words = shlex.split(QGuiApplication.clipboard().text())
    assert words[:2] == ["curl", "http://127.0.0.1:8910/v1/chat/completions"]
    for said in (f'"model": "{NANO}"', '"seed": 4', '"max_tokens": 40', '"top_logprobs": 2', PROMPT):
        assert said in words[-1]
    assert "never keeps prompts" in stage.board.notices[-1].text
    assert "/v1/embeddings" in curl_command(replace(asked, kind="embedding"), "http://x")
    assert "/v1/rerank" in curl_command(replace(asked, kind="ranking"), "http://x")


async def test_older_ones_are_fetched_as_one_scrolls(stage: Stage, page: RequestsPage) -> None:
    def answer(**asked: Any) -> RequestPage:
        before = asked["before"]
        first = int(before[1:]) if before else 1000
        found = tuple(over(n) for n in range(first - 1, max(-1, first - 201), -1))
        return RequestPage((), found, found[-1].id if found[-1].id != "r0" else "")

    async def requests(**asked: Any) -> RequestPage:
        stage.client.calls.append(("requests", asked["before"], asked["text"]))
        return answer(**asked)

    stage.client.requests = requests
    stage.feed(*(RequestChanged(over(n)) for n in range(990, 1000)))
    await until(lambda: page.rows.rowCount() == 200)
    assert ids(page)[:3] == ["r999", "r998", "r997"]
    while page.rows.rowCount() < 1000:
        rows = page.rows.rowCount()
        page.table.scrollToBottom()
        await until(lambda rows=rows: page.rows.rowCount() > rows)
    page.table.scrollToBottom()
    assert ids(page) == [f"r{n}" for n in range(999, -1, -1)]
    asked = [call[1] for call in stage.client.calls if call[0] == "requests"]
    assert asked == ["", "r800", "r600", "r400", "r200"]


async def test_finding_asks_for_the_whole_history(stage: Stage, page: RequestsPage, qtbot: Any) -> None:
    async def requests(**asked: Any) -> RequestPage:
        return RequestPage((), (over(3, client="Writer"),) if asked["text"] == "writer" else (), "")

    stage.client.requests = requests
    stage.feed(RequestChanged(over(1)), RequestChanged(running()))
    qtbot.keyClicks(page.finder, "writer")
    await until(lambda: ids(page) == ["r3"])
    assert page.is_live
    page.finder.setText("nobody")
    await until(lambda: "Nothing is found" in page.summary.text())
    page.finder.clear()
    await until(lambda: ids(page) == ["now", "r1"])


async def test_a_history_that_cannot_be_read_says_why_and_the_rest_stays(
    stage: Stage, page: RequestsPage
) -> None:
    stage.client.answers["requests"] = Unavailable("history_unavailable", "No history", "Why.", "Do this.")
    stage.feed(RequestChanged(running()))
    await until(lambda: not page.told.isHidden())
    assert page.told.text() == "No history. Why. Do this."
    assert ids(page) == ["now"]


def test_ten_thousand_rows_do_not_hold_up_the_window(stage: Stage, qapp: QApplication) -> None:
    stage.store.set_link(Connected(True))
    many = [over(n) for n in range(10_100)]
    state = replace(sample_state(), requests={e.id: e for e in [*many[-200:], running(id="live")]})
    stage.feed(StateSnapshot(state))
    opening = _took_ms(lambda: (stage.window.go("requests"), qapp.processEvents()))
    page = stage.window.page
    assert isinstance(page, RequestsPage)
    pieces = []
    for first in range(9900, 0, -200):
        piece = RequestPage((), tuple(many[first - 200 : first][::-1]), many[max(0, first - 200)].id)
        pieces.append(_took_ms(lambda piece=piece: (page._take(piece), qapp.processEvents())))
    assert page.rows.rowCount() == 10_001
    stage.window.go("home")
    again = _took_ms(lambda: (stage.window.go("requests"), qapp.processEvents()))
    moving = min(
        _took_ms(lambda n=n: (stage.feed(RequestsSampled((), {"live": n})), qapp.processEvents()))
        for n in range(20, 25)
    )
    assert opening < 250  # 50 ms on a quiet machine
    assert sorted(pieces)[len(pieces) // 2] < 100
    assert again < 100
    assert moving < 50


def _took_ms(work: Any) -> float:
    began = perf_counter()
    work()
    return (perf_counter() - began) * 1000


def test_moments_are_told_as_people_say_them() -> None:
    noon = time.mktime((2031, 3, 3, 12, 0, 5, 0, 0, -1))
    assert when(noon, noon + 60) == "12:00:05"
    assert when(noon, noon + 86_400) == "3 Mar 12:00"
