"""Spark's own signs from SVG files, drawn sharp at every size a panel may ask for."""

from functools import cache

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from app.headline import Mood
from spark_engine.paths import resources

SIZES = (16, 20, 22, 24, 32, 44, 48, 64, 128, 256)


@cache
def tray_icon(mood: Mood) -> QIcon:
    """The tray's icon for one mood: each has its own shape, and colours that show on light and dark panels."""
    return _drawn(f"spark-{mood}")


@cache
def mark() -> QIcon:
    """The program's own icon."""
    return _drawn("spark")


def _drawn(name: str) -> QIcon:
    renderer = QSvgRenderer(QByteArray((resources() / "icons" / f"{name}.svg").read_bytes()))
    made = QIcon()
    for size in SIZES:
        pixmap = QPixmap(size, size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        renderer.render(painter)
        painter.end()
        made.addPixmap(pixmap)
    return made
