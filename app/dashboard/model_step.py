"""Home's second step: getting the model Spark is made for, from the offer to the moment it answers."""

from msgspec import Struct

from app.dashboard.context import Context
from app.dashboard.download_row import DownloadRow
from app.dashboard.model_order import MADE_FOR
from app.dashboard.row_action import RowAction, recommended, row_action
from app.download_words import unfinished
from app.fit_words import outlook, speed_words
from app.headline import variant_words
from app.widgets.button import Button
from app.widgets.progress_row import ProgressRow
from app.widgets.step import StepRow
from spark_engine.types.downloads import DownloadEntry, is_running
from spark_engine.types.models import Loading, ModelEntry, Ready, VariantEntry, is_installed
from spark_engine.types.quantities import size
from spark_engine.types.state import EngineState


class Step(Struct, frozen=True):
    """What the step says; `action` is its button's, None where there is nothing to do. `done`: it can be ticked off."""

    title: str
    text: str
    action: RowAction | None = None
    done: bool = False


class ModelStep(StepRow):
    """Follows the model's variants and downloads; [Open models] is always there."""

    def __init__(self, context: Context) -> None:
        super().__init__("cube", CHOOSE.title, CHOOSE.text)
        self._context = context
        self._action: RowAction | None = None
        self.button = self.add(Button())
        self.open_models = self.add(Button("Open models"))
        self.loading = ProgressRow()
        self.download = DownloadRow(MADE_FOR, context)
        for part in (self.loading, self.download):
            self.add_part(part)
            part.hide()
        self.button.hide()
        self.button.clicked.connect(self._act)

    def show_state(self, state: EngineState | None) -> None:
        """Show what is to be done now; `state` is None while the engine is away."""
        model = state.models.get(MADE_FOR) if state else None
        coming = _coming(model, state) if model and state else None
        now = step(model, state, coming) if model and state else CHOOSE
        loading = _loading(model)
        self.show_words("check-circle" if now.done else "cube", now.title, now.text, "ok" if now.done else "")
        self.download.setVisible(coming is not None)
        self.open_models.setVisible(coming is None)
        if coming is not None:
            self.download.show_download(coming)
        self._show_button(now.action)
        self.loading.setVisible(loading is not None)
        if loading is not None:
            self.loading.show_progress(loading.fraction, loading.step)

    def _show_button(self, action: RowAction | None) -> None:
        self._action = action
        if action is None and self.button.hasFocus():
            (self.open_models if self.download.isHidden() else self.download.bar.step).setFocus()
        self.button.setVisible(action is not None)
        if action is not None:
            self.button.say(action.word, f"{action.word}: {MADE_FOR}")
            self.button.setEnabled(not self._context.actions.is_busy(f"{action.intent}:{action.argument}"))

    def _act(self) -> None:
        if self._action is not None:
            getattr(self._context.actions, self._action.intent)(self._action.argument)


CHOOSE = Step("Choose a model", "See what is on this machine, load it or free its memory.")


def step(model: ModelEntry, state: EngineState, coming: DownloadEntry | None) -> Step:
    """What the step says and offers."""
    here = _best_here(model)
    if coming is not None:
        return Step(f"Get {model.name}", _on_its_way(coming))
    if here is not None:
        component = state.components.get(here.component) if here.component else None
        action = None if isinstance(here.status, Ready) else row_action(here, component)
        return Step(f"{model.name} is here", _where(here), action, done=True)
    best = recommended(model)
    if best is None:
        offered = any(v.repository for v in model.variants)
        text = "It needs more memory than is free on this machine." if offered else CHOOSE.text
        return Step(f"Get {model.name}" if offered else CHOOSE.title, text)
    promise = outlook(best.fit) if best.fit else ""
    return Step(f"Get {model.name}", f"{model.summary} {promise}".strip(), row_action(best, None))


def _on_its_way(download: DownloadEntry) -> str:
    if is_running(download):
        return "It is on its way. When every file is here and checked, it is loaded."
    return "Its download stands still; what was fetched is kept."


def _best_here(model: ModelEntry) -> VariantEntry | None:
    """The ready one, else the first that can be used."""
    here = [v for v in model.variants if is_installed(v.status) and not v.rejected]
    return max(
        here, key=lambda v: (isinstance(v.status, (Ready, Loading)), v.component is None), default=None
    )


def _coming(model: ModelEntry, state: EngineState) -> DownloadEntry | None:
    found = (unfinished(v, state.downloads) for v in model.variants)
    return next((download for download in found if download is not None), None)


def _loading(model: ModelEntry | None) -> Loading | None:
    statuses = (v.status for v in model.variants) if model else ()
    return next((s for s in statuses if isinstance(s, Loading)), None)


def _where(variant: VariantEntry) -> str:
    rate = speed_words(variant.fit) if variant.fit else ""
    match variant.status:
        case Ready(device):
            parts = [f"Ready on {device}"]
        case Loading():
            parts = ["It is being loaded"]
        case _:
            parts = ["On disk", size(variant.size_bytes) if variant.size_bytes else ""]
    return " · ".join(part for part in (*parts, variant_words(variant), rate) if part)
