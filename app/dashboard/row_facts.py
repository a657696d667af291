"""The quiet line below a variant: whether it fits, how fast it is, whose files it is, and that they were checked."""

from pathlib import Path

from PySide6.QtWidgets import QWidget

from app.conversion_words import agreement_badge, agreement_detail
from app.download_words import checked_words
from app.fit_words import fit_badge, speed_words
from app.origins import origin_words
from app.tokens import GRID
from app.widgets.card import row
from app.widgets.chip import Chip
from app.widgets.text import ElidedLabel, label, show_text
from spark_engine.types.downloads import DownloadEntry, Fetched
from spark_engine.types.models import Loading, Ready, Unloading, VariantEntry

HEIGHT = 20


class RowFacts(QWidget):
    """Hidden while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.fit, self.checked = (
            Chip(bare=True, small=True),
            Chip("checked", "ok", "check", bare=True, small=True),
        )
        self.speed, self.origin = label(look="small"), ElidedLabel(look="small", snug=True)
        self.agreement = Chip(bare=True, small=True)
        self.setMinimumHeight(HEIGHT)
        self.setLayout(
            row(self.fit, self.speed, self.agreement, self.origin, self.checked, None, spacing=2 * GRID)
        )

    def show_facts(self, variant: VariantEntry, download: DownloadEntry | None, models: Path) -> None:
        """Show what is known now; `download` is the one that brought it, `models` Spark's folder of models."""
        origin = origin_words(variant, models)
        arrived = download if download and origin and isinstance(download.status, Fetched) else None
        self._show_fit(variant)
        self.origin.show_whole(origin)
        self.origin.setVisible(bool(origin))
        self.checked.setVisible(arrived is not None)
        if arrived is not None:
            self.checked.tell(checked_words(arrived))
        self._show_agreement(variant)
        parts = (self.fit, self.speed, self.agreement, self.origin, self.checked)
        self.setVisible(any(not part.isHidden() for part in parts))

    def _show_agreement(self, variant: VariantEntry) -> None:
        """How well what Spark converted agrees with its original."""
        words = agreement_badge(variant)
        self.agreement.setVisible(bool(words))
        if words:
            compared = variant.agreement is not None
            self.agreement.show_state(words, "ok" if compared else "quiet", "check" if compared else "ring")
            self.agreement.tell(agreement_detail(variant))

    def _show_fit(self, variant: VariantEntry) -> None:
        """What loading would take is of interest before, not after."""
        fit = None if variant.rejected else variant.fit
        badge = (
            None if fit is None or isinstance(variant.status, (Ready, Loading, Unloading)) else fit_badge(fit)
        )
        self.fit.setVisible(badge is not None)
        if badge is not None:
            self.fit.show_state(badge.word, badge.tone, badge.shape)
            self.fit.tell(badge.detail)
        show_text(self.speed, speed_words(fit) if fit is not None else "")
