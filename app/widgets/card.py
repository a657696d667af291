"""A card: a rounded surface with a column of content."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.tokens import GRID


class Card(QFrame):
    """`column` takes the content; 16 px inside, 8 px between."""

    def __init__(self, parent: QWidget | None = None, *, look: str = "card", margin: int = 2 * GRID) -> None:
        super().__init__(parent)
        self.setProperty("look", look)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(margin, margin, margin, margin)
        self.column.setSpacing(GRID)


def rule() -> QFrame:
    """A hairline between rows."""
    line = QFrame()
    line.setProperty("look", "rule")
    line.setFixedHeight(1)
    return line


def row(*widgets: QWidget | None, spacing: int = GRID) -> QHBoxLayout:
    """Widgets side by side; None is the stretch."""
    made = QHBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(spacing)
    for widget in widgets:
        if widget is None:
            made.addStretch(1)
        else:
            made.addWidget(widget)
    return made
