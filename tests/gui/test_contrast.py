"""What stands in the window can be read as it is drawn: the contrast of every text with what lies behind it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QWidget

from app.dashboard.pages import PAGES
from app.notices import Notice
from app.theme import appearance
from app.tokens import contrast
from app.widgets.button import Button
from app.widgets.chip import Chip
from app.widgets.field import Field
from spark_engine.paths import BaseDir
from tests.gui.clipping import shown
from tests.gui.conftest import Stage, raise_curtain
from tests.gui.scenes import SCENES, ShowcaseClient, leave, open_page

TEXT = 4.5
TIMES = 3
"""So many times larger is drawn what is looked at, so that strokes have pixels in their full colour."""
COARSE = 0xFFF8F8F8
"""Shades that nobody tells apart count as one."""


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> Iterator[str]:
    appearance().force(request.param)
    yield request.param
    appearance().force("light")


def drawn(widget: QWidget) -> np.ndarray:
    """The window as it looks, 0xFFRRGGBB."""
    size = widget.size() * TIMES
    image = QImage(size, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(TIMES)
    image.fill(0)
    widget.render(image)
    return np.frombuffer(image.constBits(), np.uint32).reshape(size.height(), size.width()).copy()


def readable(pixels: np.ndarray) -> float:
    """The contrast between the ground, which is most of it, and what differs most from it."""
    colours, counts = np.unique(pixels & COARSE, return_counts=True)
    ground = _hex(colours[counts.argmax()])
    often = colours[counts >= 4]
    return max(contrast(ground, _hex(colour)) for colour in often)


def _hex(colour: int) -> str:
    return f"#{int(colour) & 0xFFFFFF:06X}"


def texts(root: QWidget) -> Iterator[QWidget]:
    """Everything enabled that shows words."""
    for widget in shown(root):
        words = isinstance(widget, QComboBox | QLineEdit | Chip)
        words = words or (isinstance(widget, QLabel | QAbstractButton) and bool(widget.text().strip()))
        if words and widget.isEnabled():
            yield widget


def seen(widget: QWidget, root: QWidget) -> QRect:
    """Where it is in the window, as far as it is in sight."""
    at = widget.mapTo(root, QPoint())
    return widget.visibleRegion().boundingRect().translated(at)


async def test_every_text_can_be_read_as_it_is_drawn(theme: str, qtbot: Any, base: BaseDir) -> None:
    stage = Stage(base, ShowcaseClient())
    raise_curtain(qtbot, stage)
    SCENES["live"](stage)
    for tone in ("bad", "warn"):
        stage.board.post(Notice(tone, tone, "It broke", "Why it did", "What to do", "code: x"))  # type: ignore[arg-type]
    looked_at, faint = 0, []
    for page in PAGES:
        await open_page(stage, page.id, 0.05)
        pixels = drawn(stage.window)
        for widget in texts(stage.window):
            spot = seen(widget, stage.window)
            if spot.width() < 8 or spot.height() < 12:
                continue
            left, top, right, bottom = (
                TIMES * v for v in (spot.left(), spot.top(), spot.right(), spot.bottom())
            )
            found = readable(pixels[top : bottom + 1, left : right + 1])
            looked_at += 1
            if found < TEXT:
                faint.append(f"{page.id}: {type(widget).__name__} {widget.accessibleName()!r} {found:.2f}")
    await leave(stage)
    assert looked_at > 200
    assert faint == []


def test_hints_in_empty_fields_can_be_read(theme: str, qtbot: Any) -> None:
    field = Field("Name", "What belongs in here")
    qtbot.addWidget(field)
    field.resize(QSize(240, 32))
    field.show()
    assert readable(drawn(field)) >= TEXT


def test_what_cannot_be_pressed_looks_so(theme: str, qtbot: Any) -> None:
    for look in ("", "plain", "primary", "segment"):
        button = Button("Copy", look=look)
        qtbot.addWidget(button)
        button.show()
        before = drawn(button)
        button.setEnabled(False)
        after = drawn(button)
        assert (before != after).any(), look
