"""Puts the Tab key in reading order: top to bottom, left to right, one region after the other."""

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QLabel, QWidget

SAME_LINE = 12


def focusable(root: QWidget) -> list[QWidget]:
    """Everything below `root` that Tab can reach when it is visible, in reading order."""
    reachable = [w for w in root.findChildren(QWidget) if _takes_tab(w) and w.window() is root.window()]
    return sorted(reachable, key=lambda w: _place(w, root))


def follow_reading_order(
    regions: Sequence[QWidget], lead: QWidget | None = None, then: Sequence[QWidget] = ()
) -> None:
    """Chain the regions' widgets one after the other; then comes `lead` itself, and the regions `then`."""
    first, last = ([w for region in part for w in focusable(region)] for part in (regions, then))
    middle = [lead] if lead is not None else []
    for before, after in pairwise([*first, *middle, *last]):
        QWidget.setTabOrder(before, after)


def order_after(before: QWidget, region: QWidget) -> None:
    """Chain what is below `region` right after `before`, as soon as it has its place."""

    def chain() -> None:
        for one, other in pairwise([before, *focusable(region)]):
            QWidget.setTabOrder(one, other)

    QTimer.singleShot(0, region, chain)


def _takes_tab(widget: QWidget) -> bool:
    """Labels never do; asking so many of them would take longer than all the rest."""
    return (
        not isinstance(widget, QLabel)
        and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        and widget.focusProxy() is None
    )


def _place(widget: QWidget, root: QWidget) -> tuple[int, int]:
    at = widget.mapTo(root, QPoint(0, widget.height() // 2))
    return at.y() // SAME_LINE, at.x()
