"""Notices of downloads: told once when they are over, and never again after reconnecting."""

from typing import Any

import pytest

from app.actions import Actions
from app.download_notices import DownloadNotices
from app.notices import Notice, NoticeBoard
from app.store import Store
from spark_engine.types.downloads import DownloadEntry, DownloadFailed, Fetched, Fetching, Paused
from spark_engine.types.state import DownloadChanged, DownloadDropped, StateSnapshot
from tests.gui.conftest import RecordedClient, RecordedLink, until
from tests.gui.library import CPU, GPU, download, state_of

RUNNING, DONE = Fetching(1e6, 9.0), Fetched(143.0)
FAILED = DownloadFailed("disk_full", "The disk is full", "2.1 GB more are needed.", "Free some room.")


class Told:
    """A store with the notices that follow it; `heard` is what the tray was given."""

    def __init__(self) -> None:
        self.client, self.store, self.board = RecordedClient(), Store(), NoticeBoard()
        actions = Actions(self.client, RecordedLink(), self.board)  # type: ignore[arg-type]
        self.notices = DownloadNotices(self.store, actions, self.board)
        self.heard: list[Notice] = []
        self.board.announced.connect(self.heard.append)

    def snapshot(self, *downloads: DownloadEntry) -> None:
        self.store.apply(StateSnapshot(state_of(None, *downloads)))
        self.store.flush()

    def change(self, *downloads: DownloadEntry) -> None:
        for one in downloads:
            self.store.apply(DownloadChanged(one))
        self.store.flush()

    @property
    def titles(self) -> list[str]:
        return [notice.title for notice in self.board.notices]


@pytest.fixture
def told(qtbot: Any) -> Told:
    made = Told()
    made.snapshot(download(RUNNING))
    return made


def test_done_is_told_once(told: Told) -> None:
    told.change(download(DONE))
    told.change(download(DONE))
    assert [n.title for n in told.heard] == ["Phi-4-mini is downloaded"]
    assert told.heard[0].text == "4.9 GB in 2 min 23 s; every file was checked."
    assert told.heard[0].passing


def test_what_begins_and_ends_between_two_drawings_is_told(told: Told) -> None:
    told.change(download(RUNNING, id=GPU), download(FAILED, id=GPU))
    assert told.titles == ["The download of Phi-4-mini has stopped"]


async def test_a_failure_stays_until_it_goes_on(told: Told) -> None:
    told.change(download(FAILED))
    assert told.titles == ["The download of Phi-4-mini has stopped"]
    notice = told.board.notices[0]
    assert notice.text == "The disk is full. 2.1 GB more are needed."
    assert "code: disk_full" in notice.as_text()
    assert notice.action is not None
    notice.action.act()
    await until(lambda: told.client.calls == [("resume_download", CPU)])
    told.change(download(RUNNING))
    assert told.titles == []


def test_nothing_is_told_again_after_reconnecting(told: Told) -> None:
    told.change(download(DONE))
    for _ in range(3):
        told.snapshot(download(DONE), download(FAILED, id=GPU))
    assert len(told.heard) == 1


def test_what_ended_while_the_engine_was_away_is_told(told: Told) -> None:
    told.snapshot(download(DONE))
    assert [n.title for n in told.heard] == ["Phi-4-mini is downloaded"]


def test_nothing_is_told_of_what_was_over_before(qtbot: Any) -> None:
    fresh = Told()
    fresh.snapshot(download(DONE), download(FAILED, id=GPU))
    assert (fresh.heard, fresh.titles) == ([], [])


def test_pausing_and_dropping_are_not_news(told: Told) -> None:
    told.change(download(Paused()))
    told.change(download(RUNNING))
    told.store.apply(DownloadDropped(CPU))
    told.store.flush()
    assert (told.heard, told.titles) == ([], [])
    told.change(download(RUNNING), download(FAILED))
    told.store.apply(DownloadDropped(CPU))
    told.store.flush()
    assert told.titles == []
