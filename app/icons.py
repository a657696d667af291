"""The icon set (Phosphor, from qtawesome's files), drawn as glyphs in the theme's colours."""

import importlib.util
import json
from functools import cache
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QIcon, QIconEngine, QPainter, QPixmap

GLYPH_SHARE = 0.875


@cache
def _glyphs() -> tuple[str, dict[str, str]]:
    """The font's family and the character of every icon name. Importing qtawesome would cost 0.2 s at each start."""
    package = importlib.util.find_spec("qtawesome")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "fonts"
    number = QFontDatabase.addApplicationFont(str(next(folder.glob("phosphor-[0-9]*.ttf"))))
    codes = json.loads(next(folder.glob("phosphor-charmap-*.json")).read_text())
    return QFontDatabase.applicationFontFamilies(number)[0], {
        name: chr(int(code, 16)) for name, code in codes.items()
    }


class _GlyphEngine(QIconEngine):
    """Draws one character of the icon font, sharp at every size."""

    def __init__(self, name: str, colour: str, disabled: str) -> None:
        super().__init__()
        family, characters = _glyphs()
        self._name, self._family, self._character = name, family, characters[name]
        self._colour, self._disabled = colour, disabled

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        """Qt: draw into `rect`."""
        font = QFont(self._family)
        font.setPixelSize(max(1, round(rect.height() * GLYPH_SHARE)))
        painter.setFont(font)
        painter.setPen(QColor(self._disabled if mode == QIcon.Mode.Disabled else self._colour))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, self._character)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """Qt: the same as a picture."""
        drawn = QPixmap(size)
        drawn.fill(Qt.GlobalColor.transparent)
        painter = QPainter(drawn)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return drawn

    def clone(self) -> QIconEngine:
        """Qt: a copy that may live on its own."""
        return _GlyphEngine(self._name, self._colour, self._disabled)


def icon(name: str, colour: str, disabled: str | None = None) -> QIcon:
    """The icon `name` of the set, as in `house`, in `colour`; KeyError when there is none."""
    return QIcon(_GlyphEngine(name, colour, disabled or colour))
