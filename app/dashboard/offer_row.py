"""One variant that a repository offers: what it is, whether it would fit, and the button that downloads it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.dashboard.download_question import DownloadQuestion
from app.download_words import transfer
from app.fit_words import fit_badge, speed_words
from app.headline import FORMATS
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.chip import Chip
from app.widgets.text import ElidedLabel, label, show_text
from spark_engine.types.components import missing_for
from spark_engine.types.downloads import Fetched
from spark_engine.types.hub import OfferedVariant
from spark_engine.types.models import is_installed
from spark_engine.types.quantities import size
from spark_engine.types.state import EngineState, find_variant

COLUMNS = ((0, 220), (1, 72), (2, 180))


class OfferRow(QWidget):
    """`recommended`: the one to take."""

    def __init__(self, variant: OfferedVariant, context: Context, *, recommended: bool) -> None:
        super().__init__()
        self.variant, self._context, self._recommended = variant, context, recommended
        self.component = variant.component
        self._full_name = f"{variant.id.partition(':')[0]}, {kind(variant)}"
        self.fit, self.speed = Chip(bare=True, small=True), label(look="small")
        self.button = Button(f"Download {size(variant.size_bytes)}", name=f"Download {self._full_name}")
        self.state = label(look="small")
        self.question = DownloadQuestion(context)
        self._arrange()
        self.button.clicked.connect(self._download)
        self.question.declined.connect(self.button.setFocus)
        context.actions.busy_changed.connect(self._show_busy)

    def _arrange(self) -> None:
        line = QGridLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.setHorizontalSpacing(2 * GRID)
        best = [Chip("recommended", "info", "disc", bare=True, small=True)] if self._recommended else []
        fit = row(self.fit, self.speed, *best, None, spacing=2 * GRID)
        line.addWidget(ElidedLabel(kind(self.variant)), 0, 0)
        line.addWidget(label(size(self.variant.size_bytes), "small"), 0, 1, Qt.AlignmentFlag.AlignVCenter)
        line.addLayout(fit, 0, 2)
        line.addLayout(row(None, self.state, self.button), 0, 3)
        for place, width in COLUMNS:
            line.setColumnMinimumWidth(place, width)
        line.setColumnStretch(2, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(line)
        column.addWidget(self.question)
        badge = fit_badge(self.variant.fit) if self.variant.fit else None
        self.fit.setVisible(badge is not None)
        if badge is not None and self.variant.fit is not None:
            self.fit.show_state(badge.word, badge.tone, badge.shape)
            self.fit.tell(badge.detail)
            show_text(self.speed, speed_words(self.variant.fit))
        self.button.wear("primary" if self._recommended else "")

    def show_state(self, state: EngineState) -> None:
        """Whether it came here meanwhile, or is on its way; and what is missing for it."""
        here, coming = find_variant(state, self.variant.id), state.downloads.get(self.variant.id)
        installed = is_installed(here.status) if here else False
        on_its_way = coming is not None and not isinstance(coming.status, Fetched)
        words = transfer(coming).word if coming is not None and on_its_way else ""
        show_text(self.state, words or ("is here" if installed else ""))
        self.button.setVisible(not installed and not on_its_way)
        self.component = missing_for(state.components.values(), self.variant.format)

    def _download(self) -> None:
        state = self._context.store.state
        component = state.components.get(self.component or "") if state else None
        self.question.begin(self.variant.name, self._full_name, component)

    def _show_busy(self) -> None:
        self.button.setEnabled(not self._context.actions.is_busy(f"download:{self.variant.name}"))


def kind(variant: OfferedVariant) -> str:
    """`GGUF · Q4_K_M`, or the slug where the names say no more."""
    words = (FORMATS[variant.format], variant.quantization, variant.device.upper())
    told = " · ".join(word for word in words if word)
    return (
        told
        if variant.quantization
        else f"{told} · {variant.slug}"
        if variant.slug != variant.format
        else told
    )
