"""How a variant is loaded and kept: its options in three layers, and whether it would fit with them, as one types."""

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from app.asking import Inquiry
from app.dashboard.context import Context
from app.dashboard.options_table import OptionsTable
from app.fit_words import fit_badge, speed_words
from app.option_words import AT_LOADING, over_saved
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.chip import Chip
from app.widgets.panel import Panel
from app.widgets.text import label, show_text
from app.words import plain
from spark_engine.errors import SparkError
from spark_engine.types.fit import Fit
from spark_engine.types.models import Ready, VariantEntry
from spark_engine.types.options import LoadOptions, OptionsReport

PAUSE_MS = 150
"""Between typing and asking: nobody wants to know about half a number."""


class OptionsPanel(Panel):
    """Asks the engine for everything it shows. Nothing is saved but by [Save]."""

    def __init__(self, id: str, name: str, context: Context) -> None:
        super().__init__("Load options", f"Load options of {name}")
        self.id, self._client = id, context.actions.client
        self._report: OptionsReport | None = None
        self._status: object = None
        self.table = OptionsTable(name)
        self.badge, self.figures = Chip(bare=True), label(look="small", wrap=True)
        self.told = label(look="small", wrap=True)
        self.save = Button("Save", name=f"Save the load options of {name}")
        self.reset = Button("As the settings say", name=f"Forget the load options of {name}")
        self._reports, self._fits = Inquiry(self), Inquiry(self)
        self._pause = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        self.column.addWidget(self.table)
        fit = row(self.badge, self.figures, spacing=2 * GRID)
        fit.setStretch(1, 1)
        self.column.addLayout(fit)
        foot = row(self.told, None, self.reset, self.save)
        foot.setStretch(0, 20)
        foot.setContentsMargins(0, 0, GRID, 0)
        self.column.addLayout(foot)
        for button in (self.save, self.reset):
            button.wear("inset")
        self.badge.hide()
        self.table.setEnabled(False)

    def _connect(self) -> None:
        self.table.changed.connect(self._look_at)
        self._pause.timeout.connect(self._ask_fit)
        self._reports.answered.connect(self._show_report)
        self._reports.refused.connect(self._show_refusal)
        self._reports.moved.connect(self._show_buttons)
        self._fits.answered.connect(self._show_fit)
        self._fits.refused.connect(self._show_refusal)
        self.save.clicked.connect(self._save)
        self.reset.clicked.connect(self._forget)
        self.closed.connect(self._fits.drop)

    @property
    def first(self) -> QWidget:
        """Where the keyboard goes when it opens."""
        return self.table.lines["context"].field

    def open(self) -> None:
        """Show it with what is saved."""
        self.show()
        show_text(self.told, "Reading the options.")
        self._reports.ask(lambda: self._client.options(self.id), "options")

    def show_status(self, variant: VariantEntry) -> None:
        """What became of the variant meanwhile; memory may be freer now."""
        if type(self._status) is not type(variant.status):
            self._status = variant.status
            if self._report is not None and not self.isHidden():
                self._pause.start()

    def _show_report(self, report: OptionsReport) -> None:
        before, self._report = self._report, report
        self.table.setEnabled(True)
        self.table.show_report(report)
        show_text(self.told, self._saved_words(before, report) if before else "")
        if before is None:
            self.first.setFocus()

    def _saved_words(self, before: OptionsReport, now: OptionsReport) -> str:
        moved = any(getattr(before.effective, f) != getattr(now.effective, f) for f in AT_LOADING)
        if moved and isinstance(self._status, Ready):
            return "Saved. It is loaded with the earlier ones; unload and load it to use these."
        return "Saved."

    def _look_at(self) -> None:
        """Something was typed."""
        show_text(self.told, "")
        self._fits.drop()
        if self.table.read() is None:
            self._pause.stop()
            self._show_fit(None)
        elif self._report is not None:
            self._pause.start()
        self._show_buttons()

    def _ask_fit(self) -> None:
        chosen, report = self.table.read(), self._report
        if chosen is not None and report is not None:
            wanted = over_saved(chosen, report.saved, report.effective, report.default)
            self._fits.ask(lambda: self._client.fit(self.id, wanted), "fit")

    def _show_fit(self, fit: Fit | None) -> None:
        self.badge.setVisible(fit is not None)
        show_text(self.figures, "")
        if fit is not None:
            badge = fit_badge(fit)
            self.badge.show_state(badge.word, badge.tone, badge.shape)
            rate = speed_words(fit)
            show_text(self.figures, f"{badge.detail} {rate[:1].upper()}{rate[1:]}." if rate else badge.detail)

    def _show_refusal(self, error: SparkError) -> None:
        words = plain(f"{error.title}. {error.message}")
        if error.param and self.table.show_trouble(error.param, error.message):
            self._show_fit(None)
            self._show_buttons()
        else:
            show_text(self.told, words)

    def _show_buttons(self) -> None:
        report, chosen = self._report, self.table.read_quietly()
        free = report is not None and not self._reports.is_open
        self.save.setEnabled(
            free
            and chosen is not None
            and chosen != (report and report.saved)
            and not self.table.is_in_trouble
        )
        self.reset.setEnabled(free and report is not None and report.saved != LoadOptions())

    def _save(self) -> None:
        chosen = self.table.read()
        if chosen is not None:
            self._reports.ask(lambda: self._client.set_options(self.id, chosen), "save options")

    def _forget(self) -> None:
        self._reports.ask(lambda: self._client.set_options(self.id, LoadOptions()), "forget options")
