"""Garbage of Python's is collected on Qt's thread, whoever makes it, and goes on being collected there."""

import gc
import threading
import weakref
from typing import Any

from PySide6.QtCore import QObject

from app.garbage import Garbage

MORE_THAN_A_THRESHOLD = 100_000


class Knot(QObject):
    """Holds itself, so that only the collector frees it; notes the thread that does."""

    def __init__(self, freed_by: list[threading.Thread]) -> None:
        super().__init__()
        self.own, self.freed_by = self, freed_by
        weakref.finalize(self, lambda: freed_by.append(threading.current_thread()))


def test_another_thread_that_allocates_frees_no_widget(qtbot: Any) -> None:
    freed_by: list[threading.Thread] = []
    kept: list[list[int]] = []
    Knot(freed_by)
    hand = threading.Thread(target=lambda: kept.extend([n] for n in range(MORE_THAN_A_THRESHOLD)))
    hand.start()
    hand.join()
    assert not freed_by
    qtbot.waitUntil(lambda: bool(freed_by), timeout=20_000)
    assert freed_by == [threading.main_thread()]


def test_a_generation_is_due_when_its_threshold_is_passed(qtbot: Any) -> None:
    parent = QObject()
    garbage = Garbage(parent)
    gc.collect()
    before = [one["collections"] for one in gc.get_stats()]
    garbage.collect_due()
    assert [one["collections"] for one in gc.get_stats()] == before
    kept = [[n] for n in range(MORE_THAN_A_THRESHOLD)]
    garbage.collect_due()
    assert [one["collections"] for one in gc.get_stats()] == [before[0] + 1, *before[1:]]
    for _ in range(gc.get_threshold()[1] + 1):
        gc.collect(0)
    garbage.collect_due()
    assert gc.get_stats()[1]["collections"] == before[1] + 1
    del kept
