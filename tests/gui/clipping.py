"""Finds text that is cut off and controls that overlap, by walking the widgets of a window."""

from collections.abc import Iterator
from itertools import combinations

from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QScrollArea, QWidget

from app.tokens import GRID
from app.widgets.chip import Chip
from app.widgets.steps import COUNT, DOT, GAP, StepsButton
from app.widgets.text import ElidedLabel

SLACK = 1
FIELD_PADDING = 2 * (8 + 2 + 2)


def cut_off(root: QWidget) -> list[str]:
    """What of the visible text below `root` is not shown whole; what ends in … on purpose tells it by a tooltip."""
    return [said for widget in shown(root) for said in _lacks(widget, root)]


def overlapping(root: QWidget) -> list[str]:
    """Controls and texts that stand on top of each other."""
    leaves = [w for w in shown(root) if not any(c.isVisible() for c in _children(w)) and _says(w)]
    places = {w: _place(w, root) for w in leaves}
    return [
        f"{_told(one)} / {_told(other)}"
        for one, other in combinations(leaves, 2)
        if places[one].intersected(places[other]).adjusted(0, 0, -SLACK, -SLACK).isValid()
    ]


def shown(root: QWidget) -> Iterator[QWidget]:
    """Every visible widget of the window below `root`."""
    return (w for w in root.findChildren(QWidget) if w.isVisible() and w.window() is root.window())


def _lacks(widget: QWidget, root: QWidget) -> Iterator[str]:
    """Why it cannot be read whole."""
    match widget:
        case ElidedLabel():
            if widget.text() != widget.accessibleName() and widget.toolTip() != widget.accessibleName():
                yield f"{_told(widget)} ends without a way to read on"
            yield from _too_low(widget, widget.sizeHint().height())
        case QLabel() if widget.text() and widget.wordWrap():
            yield from _too_low(widget, widget.heightForWidth(widget.width()))
        case QLabel() if widget.text():
            yield from _too_narrow(widget, widget.sizeHint().width())
            yield from _too_low(widget, widget.sizeHint().height())
        case StepsButton():
            words = widget.fontMetrics().horizontalAdvance(widget.steps.word)
            yield from _too_narrow(widget, round(2 * GRID + COUNT * (DOT + GAP) + words))
        case QComboBox():
            words = widget.fontMetrics().horizontalAdvance(widget.currentText())
            yield from _too_narrow(widget, words + FIELD_PADDING + 16)
        case QLineEdit():
            words = widget.fontMetrics().horizontalAdvance(widget.text() or widget.placeholderText())
            yield from _too_narrow(widget, words + FIELD_PADDING)
        case QAbstractButton() if not widget.text():
            yield from _too_narrow(widget, widget.iconSize().width() + GRID)
            yield from _too_low(widget, widget.iconSize().height() + GRID)
        case QAbstractButton() | Chip():
            yield from _too_narrow(widget, widget.sizeHint().width())
            yield from _too_low(widget, widget.sizeHint().height())
    if _says(widget):
        yield from _outside(widget, root)


def _too_narrow(widget: QWidget, wanted: int) -> Iterator[str]:
    if widget.width() + SLACK < wanted:
        yield f"{_told(widget)} is {widget.width()} wide and needs {wanted}"


def _too_low(widget: QWidget, wanted: int) -> Iterator[str]:
    if widget.height() + SLACK < wanted:
        yield f"{_told(widget)} is {widget.height()} high and needs {wanted}"


def _outside(widget: QWidget, root: QWidget) -> Iterator[str]:
    """It reaches out of something it stands in; what a scroll area holds may lie below its edge, not beside it."""
    whole, part = QRect(QPoint(), widget.size()), widget
    while part is not root and (parent := part.parentWidget()) is not None:
        whole.translate(part.pos())
        area = parent.parentWidget()
        room = parent.rect()
        if whole.left() < room.left() - SLACK or whole.right() > room.right() + SLACK:
            yield f"{_told(widget)} reaches out of {type(parent).__name__} at a side"
            return
        if isinstance(area, QScrollArea) and area.viewport() is parent:
            return
        if whole.bottom() > room.bottom() + SLACK or whole.top() < room.top() - SLACK:
            yield f"{_told(widget)} reaches out of {type(parent).__name__} above or below"
            return
        part = parent


def _says(widget: QWidget) -> bool:
    """Whether somebody reads or uses it: text, or a control."""
    text = isinstance(widget, QLabel) and bool(widget.text())
    return text or isinstance(widget, QAbstractButton | QComboBox | QLineEdit | Chip)


def _children(widget: QWidget) -> list[QWidget]:
    return [child for child in widget.children() if isinstance(child, QWidget)]


def _place(widget: QWidget, root: QWidget) -> QRect:
    """Where it is seen: what a scroll area hides does not count."""
    place = QRect(widget.mapTo(root, QPoint()), widget.size())
    seen = widget.visibleRegion().boundingRect().translated(widget.mapTo(root, QPoint()))
    return place.intersected(seen)


def _told(widget: QWidget) -> str:
    words = widget.text() if isinstance(widget, QLabel | QAbstractButton) else ""
    return f"{type(widget).__name__} {(widget.accessibleName() or words)[:60]!r}"
