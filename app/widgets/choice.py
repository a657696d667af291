"""A choice from a list, with an arrow of the icon set."""

from PySide6.QtCore import QEvent, QRect, Qt
from PySide6.QtGui import QHelpEvent, QPaintEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyleOptionComboBox, QStylePainter, QToolTip

from app.icons import icon
from app.theme import theme
from app.tokens import GRID, ICON_SMALL


class Choice(QComboBox):
    """`name` is for screen readers; the list may be wider than the closed box.

    What has no room in the closed box ends in … there; the whole text is its tooltip then.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)

    @property
    def shown_text(self) -> str:
        """What the closed box says."""
        return self._option().currentText

    def event(self, event: QEvent) -> bool:
        """Qt: anything. What is cut off is told before any other tooltip."""
        if isinstance(event, QHelpEvent) and self.shown_text != self.currentText():
            QToolTip.showText(event.globalPos(), self.currentText(), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The box as the style draws it, then the arrow."""
        option, painter = self._option(), QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        place = QRect(
            self.width() - ICON_SMALL - GRID, (self.height() - ICON_SMALL) // 2, ICON_SMALL, ICON_SMALL
        )
        icon("caret-down", theme().text[1]).paint(painter, place)

    def _option(self) -> QStyleOptionComboBox:
        """How the style is to draw it, with the text as far as it has room."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideRight, field.width()
        )
        return option
