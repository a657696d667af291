"""A conversion below the variant it is made from: how far it is, or why nothing came of it."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.conversion_words import kind_words
from app.dashboard.context import Context
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.progress_row import ProgressRow
from app.widgets.text import label, show_text
from app.words import breakable, plain
from spark_engine.types.conversions import ConversionEntry, ConversionFailed, Converting


class ConversionRow(QWidget):
    """Follows one conversion; hidden when it has come to a good end, for then the new variant has a row."""

    def __init__(self, entry: ConversionEntry, name: str, context: Context) -> None:
        super().__init__()
        self.id, self._actions = entry.id, context.actions
        self._details = ""
        what = f"conversion of {name} to {kind_words(entry.id)}"
        self.progress = ProgressRow(f"Cancel the {what}")
        self.message, self.remedy = (
            label(look="small", wrap=True),
            label(look="small", wrap=True, selectable=True),
        )
        self.copy = Button("Copy details", "copy", "plain", name=f"Copy details: {what}")
        self.dismiss = Button("Dismiss", "x", "plain", name=f"Dismiss the {what}")
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.message)
        words.addWidget(self.remedy)
        self._failure = QWidget()
        line = row(spacing=GRID // 2)
        line.addLayout(words, 1)
        line.addWidget(self.copy)
        line.addWidget(self.dismiss)
        self._failure.setLayout(line)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID // 2, 0, 0)
        column.addWidget(self.progress)
        column.addWidget(self._failure)
        self.progress.cancelled.connect(self._put_away)
        self.dismiss.clicked.connect(self._put_away)
        self.copy.clicked.connect(lambda: self._actions.copy(self._details, "The details"))

    def show_conversion(self, entry: ConversionEntry) -> None:
        """Show where it stands."""
        status = entry.status
        self.progress.setVisible(isinstance(status, Converting))
        self._failure.setVisible(isinstance(status, ConversionFailed))
        self.setVisible(isinstance(status, Converting | ConversionFailed))
        if isinstance(status, Converting):
            self.progress.show_progress(
                status.fraction, f"Converting to {kind_words(entry.id)}: {status.step}"
            )
        elif isinstance(status, ConversionFailed):
            said = f"It did not become {kind_words(entry.id)}: {status.title}. {status.message}"
            show_text(self.message, breakable(plain(said)))
            show_text(self.remedy, plain(status.remedy))
            told = (entry.id, status.title, status.message, status.remedy, f"code: {status.code}")
            self._details = "\n".join(part for part in (*told, status.evidence) if part)

    def _put_away(self) -> None:
        self._actions.cancel_conversion(self.id)
