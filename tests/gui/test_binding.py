"""The Qt binding itself: faults that would end the app after hours, seen in seconds."""

import sys
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_calls_do_not_use_up_none(qtbot: Any) -> None:
    """PySide6 6.12.0 dropped a reference to None with every call that returns nothing; Python aborts at zero."""
    label = QLabel()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for _ in range(2000):
        label.setWordWrap(True)
    assert sys.getrefcount(None) > before - 500
