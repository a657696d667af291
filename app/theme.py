"""How Spark looks: colour tokens, sizes and spacing, and the appearance that follows the system."""

from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

from app.stylesheet import stylesheet
from app.tokens import SIZE_BODY, Theme
from spark_engine.paths import resources

_SCHEMES = {Qt.ColorScheme.Dark: "dark", Qt.ColorScheme.Light: "light"}


_in_use: "Appearance | None" = None


def read_theme(name: str, folder: Path | None = None) -> Theme:
    """The theme `light` or `dark` from the shipped files."""
    file = (folder or resources() / "themes") / f"{name}.toml"
    return msgspec.toml.decode(file.read_bytes(), type=Theme)


class Appearance(QObject):
    """The theme in use. Follows the system's light and dark unless `forced` names one of them."""

    changed = Signal()

    def __init__(self, app: QApplication, forced: str | None = None) -> None:
        super().__init__(app)
        global _in_use
        _in_use = self
        self._app, self._forced = app, forced
        app.setStyle("Fusion")
        app.setFont(body_font(app.font()))
        self.theme = read_theme(self._wanted())
        self._apply()
        app.styleHints().colorSchemeChanged.connect(self._follow)

    def force(self, name: str | None) -> None:
        """Use `light` or `dark`; None follows the system again."""
        self._forced = name
        self._follow()

    def _wanted(self) -> str:
        return self._forced or _SCHEMES.get(self._app.styleHints().colorScheme(), "light")

    def _follow(self) -> None:
        name = self._wanted()
        if name != self.theme.name:
            self.theme = read_theme(name)
            self._apply()
            self.changed.emit()

    def _apply(self) -> None:
        self._app.setPalette(palette(self.theme))
        self._app.setStyleSheet(stylesheet(self.theme))


def appearance() -> Appearance:
    """The appearance of the running application."""
    if _in_use is None or not isValid(_in_use):
        raise RuntimeError("no Appearance belongs to this application")
    return _in_use


def theme() -> Theme:
    """The tokens of the running application."""
    return appearance().theme


def body_font(system: QFont, size: int = SIZE_BODY, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """The system's font in one of Spark's sizes (px), with figures of equal width."""
    font = QFont(system)
    font.setPixelSize(size)
    font.setWeight(weight)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def palette(theme: Theme) -> QPalette:
    """Qt's own roles, for what no stylesheet reaches (documents, selections, placeholders)."""
    roles = QPalette.ColorRole
    colours = {
        roles.Window: theme.surface[0],
        roles.Base: theme.surface[1],
        roles.AlternateBase: theme.surface[2],
        roles.Button: theme.surface[2],
        roles.WindowText: theme.text[0],
        roles.Text: theme.text[0],
        roles.ButtonText: theme.text[0],
        roles.PlaceholderText: theme.text[2],
        roles.ToolTipBase: theme.surface[2],
        roles.ToolTipText: theme.text[0],
        roles.Highlight: theme.info,
        roles.HighlightedText: theme.surface[1],
        roles.Link: theme.info,
        roles.LinkVisited: theme.info,
        roles.Accent: theme.accent,
    }
    made = QPalette()
    for role, colour in colours.items():
        made.setColor(role, QColor(colour))
    return made
