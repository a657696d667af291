"""The top of the Hardware page: which span the charts show, pausing, and how old what is shown is."""

import time

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QButtonGroup, QVBoxLayout, QWidget

from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.legend import Legend
from app.widgets.text import label
from app.words import duration
from spark_engine.types.hardware import Span

SPANS: dict[Span, str] = {"minute": "Minute", "hour": "Hour", "day": "Day"}
STALE_S = 15.0


class HardwareHead(QWidget):
    """`span_chosen` carries a span, `paused` whether what is shown stands still."""

    span_chosen = Signal(str)
    paused = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.spans: dict[Span, Button] = {}
        self._group = QButtonGroup(self)
        for span, word in SPANS.items():
            self.spans[span] = button = Button(word, name=f"Charts show the last {word.lower()}")
            button.setCheckable(True)
            button.setProperty("look", "segment")
            button.clicked.connect(lambda _, span=span: self.span_chosen.emit(span))
            self._group.addButton(button)
        self.spans["minute"].setChecked(True)
        self.pause = Button("Pause", "pause", name="Pause what is shown")
        self.pause.clicked.connect(self._toggle)
        self.age = label(look="small")
        self._at, self.is_paused = 0.0, False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row(label("Hardware", "title"), None, *self.spans.values(), self.pause))
        column.addLayout(row(Legend("Spark", "other programs"), None, self.age))
        self._timer = QTimer(self, interval=5000)
        self._timer.timeout.connect(self._tell_age)

    def show_time(self, at: float) -> None:
        """What is shown is of this moment, in Unix seconds."""
        self._at = at
        self._tell_age()
        self._timer.start()

    def _toggle(self) -> None:
        self.is_paused = not self.is_paused
        self.pause.show_glyph("play" if self.is_paused else "pause")
        word = "Resume" if self.is_paused else "Pause"
        self.pause.say(word, f"{word} what is shown")
        self._tell_age()
        self.paused.emit(self.is_paused)

    def _tell_age(self) -> None:
        age = time.time() - self._at
        if self.is_paused:
            told = f"Paused at {time.strftime('%H:%M:%S', time.localtime(self._at))}"
        else:
            told = "Live" if age < STALE_S else f"Last reading {duration(age * 1000)} ago"
        if told != self.age.text():
            self.age.setText(told)
