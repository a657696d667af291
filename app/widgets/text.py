"""Labels in the looks of the stylesheet."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


def label(text: str = "", look: str = "", *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """A plain-text label; `look` is one of the stylesheet's (`quiet`, `small`, `lead`, `title`, `hero`, `mono`)."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("look", look)
    made.setWordWrap(wrap)
    if wrap:
        made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    if selectable:
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def show_text(target: QLabel, text: str) -> None:
    """Set the text; a label without any takes no room."""
    if target.text() != text:
        target.setText(text)
    target.setVisible(bool(text))


class ElidedLabel(QLabel):
    """A label of one line that ends in … where its room ends; the whole text is its tooltip.

    It takes whatever room it is given; a `snug` one asks for no more than its text needs.
    """

    def __init__(
        self, text: str = "", look: str = "", parent: QWidget | None = None, *, snug: bool = False
    ) -> None:
        super().__init__(parent)
        self._snug = snug
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("look", look)
        self.setMinimumWidth(24)
        wish = QSizePolicy.Policy.Maximum if snug else QSizePolicy.Policy.Ignored
        self.setSizePolicy(wish, QSizePolicy.Policy.Preferred)
        self._whole = ""
        self.show_whole(text)

    def show_whole(self, text: str) -> None:
        """Show `text`, shortened to the room there is."""
        if text == self._whole and text:
            return
        self._whole = text
        self.setAccessibleName(text)
        self._fit()
        if self._snug:
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Qt: the size it wants."""
        hint = super().sizeHint()
        return (
            QSize(self.fontMetrics().horizontalAdvance(self._whole) + 4, hint.height())
            if self._snug
            else hint
        )

    def minimumSizeHint(self) -> QSize:
        """Qt: the size it must have."""
        return QSize(24, super().minimumSizeHint().height())

    def resizeEvent(self, event: object) -> None:
        """Qt: the size changed."""
        self._fit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, self.width())
        self.setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")
