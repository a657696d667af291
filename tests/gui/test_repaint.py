"""Repaints are collated, and slow ones make room for everything else."""

import time
from typing import Any

from PySide6.QtCore import QObject

from app.repaint import Repaint


def test_a_flood_of_requests_is_few_repaints(qtbot: Any) -> None:
    drawn: list[float] = []
    owner = QObject()
    repaint = Repaint(lambda: drawn.append(time.perf_counter()), owner)
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        repaint.request()
        qtbot.wait(1)
    qtbot.wait(100)
    assert 4 <= len(drawn) <= 12


def test_a_slow_repaint_waits_longer(qtbot: Any) -> None:
    drawn: list[float] = []
    owner = QObject()

    def draw() -> None:
        time.sleep(0.04)
        drawn.append(time.perf_counter())

    repaint = Repaint(draw, owner)
    for _ in range(2):
        repaint.request()
        qtbot.waitUntil(lambda: not repaint._timer.isActive(), timeout=3000)
    assert drawn[1] - drawn[0] >= 0.2


def test_flush_draws_only_what_was_asked_for(qtbot: Any) -> None:
    drawn: list[int] = []
    owner = QObject()
    repaint = Repaint(lambda: drawn.append(1), owner)
    repaint.flush()
    assert drawn == []
    repaint.request()
    repaint.flush()
    repaint.flush()
    assert drawn == [1]
