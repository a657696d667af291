"""The strip on top of every page: state, loaded model, speed, memory, and the one action that fits."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.dashboard.context import Context
from app.headline import TONES, Mood, display_name, headline, loadable, model_words, served_now
from app.link import Connected, Lost, Refused, Stopped
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.chip import Chip, Shape
from app.widgets.meter import Meter
from app.widgets.text import ElidedLabel, label
from spark_engine.types.models import is_moving
from spark_engine.types.quantities import size, speed
from spark_engine.types.state import EngineState

HEIGHT = 56
SHAPES: dict[Mood, Shape] = {
    "starting": "half",
    "ready": "disc",
    "busy": "target",
    "downloading": "arrow",
    "paused": "bars",
    "problem": "cross",
    "stopped": "dash",
}


class Strip(QWidget):
    """Live from the store; the button is there only when there is something to do."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setProperty("look", "strip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT)
        self._context, self._store = context, context.store
        self.chip, self.model = Chip(), ElidedLabel(look="quiet")
        self.speed, self.memory = label(look="quiet"), label(look="quiet")
        self.meter, self.action = Meter("Memory of this machine", 96), Button(look="primary")
        self._intent = ("", "")
        self._arrange()
        self._connect()
        self._draw()

    def _arrange(self) -> None:
        line = QHBoxLayout(self)
        line.setContentsMargins(3 * GRID, 0, 3 * GRID, 0)
        line.setSpacing(2 * GRID)
        line.addWidget(self.chip)
        line.addWidget(self.model, 1)
        for part in (self.speed, self.meter, self.memory, self.action):
            line.addWidget(part)

    def _connect(self) -> None:
        store = self._store
        for signal in (
            store.link_changed, store.engine_changed, store.models_changed,
            store.requests_changed, store.downloads_changed, store.problems_changed, store.metrics_changed,
        ):  # fmt: skip
            signal.connect(self._draw)
        self._context.actions.busy_changed.connect(self._draw)
        self.action.clicked.connect(self._act)

    def _draw(self) -> None:
        now = headline(self._store.link, self._store.state)
        self.chip.show_state(now.word, TONES[now.mood], SHAPES[now.mood])
        self.chip.setToolTip(now.line)
        state = self._store.live
        self.model.show_whole(model_words(state) if state else "")
        self._draw_figures(state)
        self._draw_action(state)

    def _draw_figures(self, state: EngineState | None) -> None:
        metrics = state.metrics if state else None
        total = metrics.total_memory_bytes if metrics else 0
        self.speed.setText(speed(metrics.tokens_per_second) if metrics and metrics.tokens_per_second else "")
        for part in (self.meter, self.memory):
            part.setVisible(total > 0)
        if metrics and total:
            own, free = metrics.engine_bytes + metrics.runner_bytes, metrics.available_memory_bytes
            words = f"Spark uses {size(own)} of memory; {size(free)} of {size(total)} are free"
            self.meter.show_shares(own / total, (total - free - own) / total, words)
            self.memory.setText(f"{size(free)} free")
            self.memory.setToolTip(words)

    def _draw_action(self, state: EngineState | None) -> None:
        word, self._intent = self._fitting(state)
        self.action.setVisible(bool(word))
        self.action.say(word)

    def _fitting(self, state: EngineState | None) -> tuple[str, tuple[str, str]]:
        """The button's word and what it does; no word: nothing to do now."""
        match self._store.link:
            case Stopped():
                return "Start engine", ("start_engine", "")
            case Refused():
                return "Try again", ("start_engine", "")
            case Lost():
                return "Try now", ("start_engine", "")
            case Connected() if state and state.paused:
                return "Resume", ("resume_serving", "")
            case Connected() if state and state.phase == "ready" and served_now(state) is None:
                return self._load_default(state)
            case _:
                return "", ("", "")

    def _load_default(self, state: EngineState) -> tuple[str, tuple[str, str]]:
        variant = loadable(state)
        if (
            variant is None
            or is_moving(variant.status)
            or self._context.actions.is_busy(f"load:{variant.id}")
        ):
            return "", ("", "")
        return f"Load {display_name(state, variant.id)}", ("load", variant.id)

    def _act(self) -> None:
        intent, argument = self._intent
        if intent:
            getattr(self._context.actions, intent)(*([argument] if argument else []))
