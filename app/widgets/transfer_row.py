"""Progress of bytes on their way: a bar, words, what went wrong, and the buttons to pause, go on and drop it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.progress_row import ProgressBar
from app.widgets.text import ElidedLabel, label, show_text

GLYPHS = {"Pause": "pause", "Resume": "play", "Try again": "arrow-clockwise"}
STEP_WIDTH = 104


class TransferRow(QWidget):
    """`what` names it for screen readers. `stepped`: first button, `dropped`: [Cancel], `copied`: [Copy details]."""

    stepped = Signal()
    dropped = Signal()
    copied = Signal()

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self.bar, self.words = ProgressBar(), ElidedLabel(look="small")
        self.message = label(look="small", wrap=True)
        self.remedy = label(look="small", wrap=True, selectable=True)
        self.step, self.drop = (
            Button(look="plain", name=f"Pause: {what}"),
            Button("Cancel", "x", "plain", name=f"Cancel: {what}"),
        )
        self.copy = Button("Copy details", "copy", "plain", name=f"Copy details: {what}")
        for button, signal in (
            (self.step, self.stepped), (self.drop, self.dropped), (self.copy, self.copied),
        ):  # fmt: skip
            button.clicked.connect(signal)
        self._arrange()

    def _arrange(self) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        for part in (self.words, self.bar, self.message, self.remedy):
            column.addWidget(part)
        self.step.setMinimumWidth(STEP_WIDTH)
        outer = row(spacing=GRID // 2)
        outer.setContentsMargins(0, GRID // 2, 0, 0)
        outer.addLayout(column, 1)
        for button in (self.copy, self.step, self.drop):
            outer.addWidget(button)
        self.setLayout(outer)

    @property
    def buttons(self) -> tuple[Button, ...]:
        """Its buttons in reading order."""
        return self.copy, self.step, self.drop

    def show_progress(self, fraction: float, words: str, *, moving: bool = True) -> None:
        """`fraction` 0..1 and how far it is in words; the bar is quiet while nothing is `moving`."""
        self.bar.setAccessibleName(f"{self._what}: {words}")
        self.bar.show_fraction(fraction, moving=moving)
        self.words.show_whole(words)

    def show_trouble(self, message: str, remedy: str, *, details: bool) -> None:
        """Why it stands still and what to do; empty: it does not."""
        show_text(self.message, message)
        show_text(self.remedy, remedy)
        self.copy.setVisible(details)

    def show_step(self, word: str, *, enabled: bool) -> None:
        """What the first button does now; neither button can be pressed while one of them is being carried out."""
        self.step.show_glyph(GLYPHS.get(word, ""))
        self.step.say(word, f"{word}: {self._what}")
        self.step.setEnabled(enabled)
        self.drop.setEnabled(enabled)
