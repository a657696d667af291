"""The top of the Logs page: what is shown, pausing, copying, and the folder with the files."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.log_rows import PARTS
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.choice import Choice
from app.widgets.field import Field
from app.widgets.text import label
from spark_engine.types.logs import LogFilter

LEVEL_WORDS = (
    ("All levels", "debug"),
    ("Info and above", "info"),
    ("Warnings and errors", "warning"),
    ("Errors", "error"),
)
DEBUG_HINT = "Debug lines are written only while the level in Settings is debug."


class LogsHead(QWidget):
    """`filtered` carries a `LogFilter`, `paused` whether the lines stand still."""

    filtered = Signal(object)
    paused = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.level, self.part = Choice("Least level of the lines"), Choice("Part that wrote the lines")
        for words, value in LEVEL_WORDS:
            self.level.addItem(words, value)
        self.level.setToolTip(DEBUG_HINT)
        self.part.addItem("All parts", None)
        for part, word in PARTS.items():
            self.part.addItem(f"{word} only", part)
        self.finder = Field("Find lines by their text", "Find in lines", width=180)
        self.pause = Button("Pause", "pause", name="Pause the lines")
        self.copy = Button("Copy", "copy", name="Copy the lines that are shown")
        self.folder = Button("Open folder", "folder-open", name="Open the folder with the log files")
        self.told, self.is_paused = label(look="small"), False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(row(label("Logs", "title"), None, self.pause, self.copy, self.folder))
        column.addLayout(row(self.level, self.part, self.finder, self.told, None))
        for choice in (self.level, self.part):
            choice.currentIndexChanged.connect(self._tell)
        self.finder.textChanged.connect(self._tell)
        self.pause.clicked.connect(self.toggle)

    @property
    def wanted(self) -> LogFilter:
        """What is chosen."""
        return LogFilter(self.level.currentData(), self.part.currentData(), self.finder.text().strip())

    def toggle(self) -> None:
        """Pause, or go on."""
        self.is_paused = not self.is_paused
        self.pause.show_glyph("play" if self.is_paused else "pause")
        word = "Resume" if self.is_paused else "Pause"
        self.pause.say(word, f"{word} the lines")
        self.paused.emit(self.is_paused)

    def _tell(self) -> None:
        self.filtered.emit(self.wanted)
