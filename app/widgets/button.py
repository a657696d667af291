"""Buttons with an icon of the set that follows the theme, and always a name for screen readers."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from app.icons import icon
from app.theme import theme
from app.tokens import ICON_SMALL, Theme


class Button(QPushButton):
    """A button that says what it does. `look`: `primary`, `plain`, `entry` or none; a `glyph` alone needs a `name`."""

    def __init__(
        self,
        text: str = "",
        glyph: str = "",
        look: str = "",
        *,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._glyph = glyph
        self._put(text)
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
        self._put(text)
        self.setAccessibleName(name or text)

    def wear(self, look: str) -> None:
        """Change its look."""
        if look != self.property("look"):
            self.setProperty("look", look)
            self.style().unpolish(self)
            self.style().polish(self)
            self._draw_icon()

    def show_glyph(self, glyph: str) -> None:
        """Change its icon."""
        if glyph != self._glyph:
            self._glyph = glyph
            self._draw_icon()

    def changeEvent(self, event: QEvent) -> None:
        """Qt: style, palette or font changed."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._draw_icon()

    def _put(self, text: str) -> None:
        """Beside an icon the word stands a little apart."""
        shown = f" {text}" if text and self._glyph else text
        if self.text() != shown:
            self.setText(shown)

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
