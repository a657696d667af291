"""A choice from a list, with an arrow of the icon set."""

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy

from app.icons import icon
from app.theme import theme
from app.tokens import GRID, ICON_SMALL


class Choice(QComboBox):
    """`name` is for screen readers; the list may be wider than the closed box."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The box as the style draws it, then the arrow."""
        super().paintEvent(event)
        place = QRect(
            self.width() - ICON_SMALL - GRID, (self.height() - ICON_SMALL) // 2, ICON_SMALL, ICON_SMALL
        )
        icon("caret-down", theme().text[1]).paint(QPainter(self), place)
