"""Buttons with an icon of the set that follows the theme, and always a name for screen readers."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from app.icons import icon
from app.theme import theme
from app.tokens import ICON_SMALL, Theme


class Button(QPushButton):
    """A button that says what it does. `look`: `primary`, `plain`, `rail` or none; a `glyph` alone needs a `name`."""

    def __init__(
        self, text: str = "", glyph: str = "", look: str = "", *, name: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(text, parent)
        self._glyph = glyph
        self.setProperty("look", look)
        self.setAccessibleName(name or text)
        self.setIconSize(QSize(ICON_SMALL, ICON_SMALL))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if name and not text:
            self.setToolTip(name)
        self._draw_icon()

    def say(self, text: str, name: str = "") -> None:
        """Change its word; `name` where the word alone would not tell a listener which one it is."""
        if self.text() != text:
            self.setText(text)
        self.setAccessibleName(name or text)

    def show_glyph(self, glyph: str) -> None:
        """Change its icon."""
        if glyph != self._glyph:
            self._glyph = glyph
            self._draw_icon()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._draw_icon()

    def _draw_icon(self) -> None:
        if self._glyph:
            colours = theme()
            self.setIcon(icon(self._glyph, _colour(colours, self.property("look")), colours.text[2]))


def _colour(colours: Theme, look: str) -> str:
    match look:
        case "primary":
            return colours.on_accent
        case "plain":
            return colours.text[1]
        case _:
            return colours.text[0]
