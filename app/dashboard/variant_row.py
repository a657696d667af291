"""The row of one variant: format, size, state and the one action that fits the state."""

from msgspec import Struct
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.headline import FORMATS, variant_words
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.chip import Chip, Shape
from app.widgets.progress_row import ProgressRow
from app.widgets.text import label, show_text
from app.words import duration, plain, size, tokens
from spark_engine.types.components import Broken, ComponentEntry, Installing, Removing
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    NotInstalled,
    Ready,
    Restarting,
    Unloaded,
    Unloading,
    VariantEntry,
    VariantStatus,
    status_word,
)

_MARKS: dict[type, tuple[str, Shape]] = {
    NotInstalled: ("quiet", "dash"),
    Unloaded: ("quiet", "ring"),
    Loading: ("info", "half"),
    Ready: ("ok", "disc"),
    Unloading: ("info", "half"),
    Restarting: ("warn", "triangle"),
    LoadFailed: ("bad", "cross"),
}


class RowAction(Struct, frozen=True):
    """What the row's button does: an intent of `Actions` by name with its argument, and the button's word."""

    intent: str
    word: str
    argument: str


class VariantRow(QWidget):
    """Shows a variant and, where it matters, its backend component."""

    def __init__(self, variant: VariantEntry, model_name: str, context: Context) -> None:
        super().__init__()
        self._context, self._model_name = context, model_name
        self._name, self._size = label(variant_words(variant)), label(look="small")
        self.chip, self.button, self.copy_details = (
            Chip(bare=True),
            Button(),
            Button("Copy details", "copy", "plain"),
        )
        self.copy_path = Button("Copy path", "copy", "plain")
        self.progress = ProgressRow(f"Cancel installing for {model_name}")
        self.loading = ProgressRow()
        self._detail, self._remedy = (
            label(look="small", wrap=True),
            label(look="small", wrap=True, selectable=True),
        )
        self._action: RowAction | None = None
        self._evidence = ""
        self._arrange()
        self._connect(variant)
        self.show_variant(variant, {})

    def _arrange(self) -> None:
        line = QGridLayout()
        line.setContentsMargins(0, 0, 0, 0)
        line.setHorizontalSpacing(2 * GRID)
        middle = Qt.AlignmentFlag.AlignVCenter
        line.addWidget(self._name, 0, 0, middle)
        line.addWidget(self._size, 0, 1, middle)
        line.addWidget(self.chip, 0, 2, middle)
        line.addLayout(row(None, self.copy_details, self.copy_path, self.button), 0, 3)
        for column, width in ((0, 168), (1, 72), (2, 136)):
            line.setColumnMinimumWidth(column, width)
        line.setColumnStretch(3, 1)
        column_ = QVBoxLayout(self)
        column_.setContentsMargins(0, 0, 0, 0)
        column_.setSpacing(GRID // 2)
        column_.addLayout(line)
        for part in (self._detail, self._remedy, self.loading, self.progress):
            column_.addWidget(part)

    def _connect(self, variant: VariantEntry) -> None:
        actions, folder = self._context.actions, self._context.base.models
        place = str(folder.joinpath(*variant.id.split(":")))
        self.copy_path.setAccessibleName(f"Copy the path where {variant.id} belongs")
        self.copy_path.setToolTip(place)
        self.copy_path.clicked.connect(lambda: actions.copy(place, "The path"))
        self.copy_details.clicked.connect(lambda: actions.copy(self._evidence, "The details"))
        self.button.clicked.connect(self._act)
        self.progress.cancelled.connect(lambda: actions.cancel_install(variant.component or variant.format))

    def _act(self) -> None:
        if self._action is not None:
            getattr(self._context.actions, self._action.intent)(self._action.argument)

    def show_variant(self, variant: VariantEntry, components: dict[str, ComponentEntry]) -> None:
        """Show the present state."""
        component = components.get(variant.component) if variant.component else None
        self._size.setText(size(variant.size_bytes) if variant.size_bytes else "")
        tone, shape = _MARKS[type(variant.status)]
        needs = component is not None and isinstance(variant.status, Unloaded)
        word = "component missing" if needs else status_word(variant.status)
        self.chip.show_state(word, "warn" if needs else tone, "triangle" if needs else shape)
        self.copy_path.setVisible(isinstance(variant.status, NotInstalled))
        self._show_words(variant.status, component if needs else None)
        self._show_progress(variant.status, component)
        self._show_action(row_action(variant, component))

    def _show_words(self, status: VariantStatus, component: ComponentEntry | None) -> None:
        broken = component.status if component and isinstance(component.status, Broken) else None
        failed = status if isinstance(status, LoadFailed) else broken
        self._evidence = _evidence(failed or status)
        self.copy_details.setVisible(bool(self._evidence))
        show_text(
            self._detail, plain(f"{failed.title}. {failed.message}") if failed else _detail(status, component)
        )
        show_text(self._remedy, plain(failed.remedy) if failed else "")

    def _show_progress(self, status: VariantStatus, component: ComponentEntry | None) -> None:
        installing = component.status if component and isinstance(component.status, Installing) else None
        self.loading.setVisible(isinstance(status, Loading))
        self.progress.setVisible(installing is not None)
        if isinstance(status, Loading):
            self.loading.show_progress(status.fraction, status.step)
        if installing is not None:
            self.progress.show_progress(installing.fraction, installing.step)

    def _show_action(self, action: RowAction | None) -> None:
        self._action = action
        self.button.setVisible(action is not None)
        if action is not None:
            busy = self._context.actions.is_busy(f"{action.intent}:{action.argument}")
            self.button.setEnabled(not busy)
            self.button.say(action.word, f"{action.word}: {self._model_name}, {self._name.text()}")


def row_action(variant: VariantEntry, component: ComponentEntry | None) -> RowAction | None:
    """The one thing to do with a variant now; None while it moves or cannot be used."""
    if component is not None and isinstance(component.status, (Installing, Removing)):
        return None
    match variant.status:
        case Ready() | Loading() | Restarting():
            return RowAction(
                "unload", "Unload" if isinstance(variant.status, Ready) else "Cancel", variant.id
            )
        case LoadFailed():
            return RowAction("load", "Retry", variant.id)
        case Unloaded():
            return _first_step(variant, component)
        case _:
            return None


def _first_step(variant: VariantEntry, component: ComponentEntry | None) -> RowAction:
    """Load, or first install what is missing for that."""
    if component is None:
        return RowAction("load", "Load", variant.id)
    if isinstance(component.status, Broken):
        return RowAction("install", "Try again", component.id)
    return RowAction("install", f"Install {_support(variant, component)} support", component.id)


def _support(variant: VariantEntry, component: ComponentEntry) -> str:
    """What a component adds: its one format (GGUF), else its own name (PyTorch)."""
    return FORMATS[variant.format] if len(component.formats) == 1 else component.name


def _detail(status: VariantStatus, component: ComponentEntry | None) -> str:
    match status:
        case Ready():
            parts = (
                f"on {status.device}",
                f"{size(status.memory_bytes)} of memory" if status.memory_bytes else "",
                f"context {tokens(status.context)}" if status.context else "",
                f"loaded in {duration(status.load_ms)}" if status.load_ms else "",
            )
            return "  ·  ".join(part for part in parts if part)
        case Restarting():
            return f"{status.reason} Starting again in {status.delay_s:.0f} s (attempt {status.attempt})."
        case Unloaded() if component is not None:
            return _what_is_missing(component)
        case _:
            return ""


def _what_is_missing(component: ComponentEntry) -> str:
    fetched = f" ({size(component.download_bytes)} to download)" if component.download_bytes else ""
    return f"Needs the component “{component.name}”, which is not installed{fetched}."


def _evidence(status: object) -> str:
    """What [Copy details] copies."""
    if isinstance(status, (LoadFailed, Broken)):
        parts = (status.title, status.message, status.remedy, f"code: {status.code}", status.evidence)
        return "\n".join(part for part in parts if part)
    return f"{status.reason}\n{status.evidence}".strip() if isinstance(status, Restarting) else ""
