"""Home: is Spark working, what is it doing, and three next steps that really work."""

from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.dashboard.context import Context
from app.dashboard.model_step import ModelStep
from app.dashboard.page import CardPage
from app.headline import Headline, display_name, headline, served_now
from app.link import Refused, Stopped
from app.snippets import curl_snippet, javascript_snippet, python_snippet
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import Card, row
from app.widgets.step import StepRow
from app.widgets.text import label, show_text
from spark_engine.types.models import Loading
from spark_engine.types.quantities import size, speed
from spark_engine.types.requests import is_active
from spark_engine.types.state import EngineState


class HomePage(CardPage):
    """Live from the event stream; never empty, because whether Spark works can always be said."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.title, self.line = label(look="hero", wrap=True), label(look="quiet", wrap=True)
        self.address = label(look="mono", selectable=True)
        self.copy_address = Button("Copy", "copy", "plain", name="Copy API address")
        self.start = Button("Start engine", "power", "primary")
        self._facts: dict[str, QLabel] = {}
        self._build()
        self._connect()
        self._draw()

    def _build(self) -> None:
        self.column.addWidget(self._head())
        self.column.addWidget(self._doing())
        self.column.addSpacing(GRID)
        self.column.addWidget(label("Next steps", "lead"))
        self.column.addWidget(self._steps())
        self.column.addStretch(1)

    def _head(self) -> QWidget:
        head = QWidget()
        column = QVBoxLayout(head)
        column.setContentsMargins(0, GRID, 0, GRID)
        column.setSpacing(4)
        column.addWidget(self.title)
        column.addWidget(self.line)
        column.addWidget(self.start)
        return head

    def _doing(self) -> Card:
        card = Card()
        line = QHBoxLayout()
        line.setSpacing(3 * GRID)
        for name in ("Model", "Requests", "Speed", "Memory"):
            line.addLayout(self._fact(name), 3 if name == "Model" else 2)
        card.column.addLayout(line)
        return card

    def _fact(self, name: str) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(2)
        self._facts[name] = label("–", "lead")
        column.addWidget(label(name, "small"))
        column.addWidget(self._facts[name])
        return column

    def _steps(self) -> Card:
        card = Card()
        card.column.setSpacing(2 * GRID)
        self.chat_step = StepRow("chat-circle-text", *_asking_words(None))
        self.open_chat = self.chat_step.add(Button("Open chat", look="primary"))
        self.model_step = ModelStep(self._context)
        self.open_models = self.model_step.open_models
        connect = StepRow(
            "link-simple", "Connect an app", "Any app that speaks OpenAI's API can use this address:"
        )
        connect.add_line(row(self.address, self.copy_address, None, spacing=4))
        self.copy_curl = connect.add(Button("Copy curl", name="Copy an example for curl"))
        self.copy_python = connect.add(Button("Copy Python", name="Copy an example for Python"))
        self.copy_script = connect.add(Button("Copy JavaScript", name="Copy an example for JavaScript"))
        for step in (self.chat_step, self.model_step, connect):
            card.column.addWidget(step)
        return card

    def _connect(self) -> None:
        store, actions = self._store, self._context.actions
        self.follow(
            self._draw, store.link_changed, store.engine_changed, store.models_changed, store.requests_changed,
            store.problems_changed, store.metrics_changed, store.downloads_changed, actions.busy_changed,
        )  # fmt: skip
        self.open_chat.clicked.connect(lambda: self._context.go("chat"))
        self.open_models.clicked.connect(lambda: self._context.go("models"))
        self.start.clicked.connect(actions.start_engine)
        self.copy_address.clicked.connect(lambda: actions.copy(self.address.text(), "The API address"))
        self.copy_curl.clicked.connect(
            lambda: actions.copy(curl_snippet(self.address.text()), "The curl example")
        )
        self.copy_python.clicked.connect(
            lambda: actions.copy(python_snippet(self.address.text()), "The Python example")
        )
        self.copy_script.clicked.connect(
            lambda: actions.copy(javascript_snippet(self.address.text()), "The JavaScript example")
        )

    def recheck(self) -> None:
        """F5: look again for models on disk."""
        self._context.actions.rescan()

    def _draw(self) -> None:
        now = headline(self._store.link, self._store.state)
        self.title.setText(_title(now))
        show_text(self.line, now.line)
        self._emphasise_chat(now.mood in ("ready", "busy", "downloading"))
        self.start.setVisible(isinstance(self._store.link, (Stopped, Refused)))
        self.start.say("Try again" if isinstance(self._store.link, Refused) else "Start engine")
        self.chat_step.show_words("chat-circle-text", *_asking_words(self._store.live))
        self.model_step.show_state(self._store.live)
        self._draw_facts(self._store.live)
        self._draw_address(self._store.state)

    def _emphasise_chat(self, wanted: bool) -> None:
        """The first step is the primary action only while it would work."""
        self.open_chat.wear("primary" if wanted else "")

    def _draw_facts(self, state: EngineState | None) -> None:
        served = served_now(state)
        figures = state.metrics if state else None
        facts = {
            "Model": f"{display_name(state, served.model)} on {served.device}"
            if state and served
            else "none loaded",
            "Requests": _requests_words(state) if state else "–",
            "Speed": speed(figures.tokens_per_second) if figures and figures.tokens_per_second else "idle",
            "Memory": size(figures.engine_bytes + figures.runner_bytes)
            if figures and figures.engine_bytes
            else "–",
        }
        for name, words in facts.items():
            self._facts[name].setText(words if state else "–")

    def _draw_address(self, state: EngineState | None) -> None:
        known = state is not None
        self.address.setText(f"{state.engine.address}/v1" if state else "known when the engine runs")
        for button in (self.copy_address, self.copy_curl, self.copy_python, self.copy_script):
            button.setEnabled(known)


def _asking_words(state: EngineState | None) -> tuple[str, str]:
    """Title and text of the first step: what answers, or will in a moment."""
    served = served_now(state)
    if state and served:
        name = display_name(state, served.model)
        return (
            f"Spark is answering with {name}",
            "Ask it something: it runs on this machine, nothing leaves it.",
        )
    variants = [v for m in state.models.values() for v in m.variants] if state else []
    loading = next((v for v in variants if isinstance(v.status, Loading)), None)
    if state and loading:
        name = display_name(state, loading.id)
        return f"{name} is loading", "You can ask already: the answer comes as soon as it is loaded."
    return "Ask something", "Spark answers on this machine; nothing leaves it."


def _requests_words(state: EngineState) -> str:
    """`2 running, 1 waiting`: those that wait for their turn or their model have nothing from it yet."""
    active = [r for r in state.requests.values() if is_active(r)]
    running = sum(r.phase == "running" for r in active)
    counts = {"running": running, "waiting": len(active) - running}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "none running"


def _title(now: Headline) -> str:
    titles = {
        "starting": "Spark is starting",
        "ready": "Spark is ready",
        "busy": "Spark is working",
        "downloading": "Spark is downloading",
        "paused": "Spark is paused",
        "stopped": "Spark is stopped",
        "problem": "Spark needs attention",
    }
    return titles[now.mood]
