"""Chat: ask a local model, watch the answer being written, stop it, repeat it, copy it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.conversation import Conversation, Turn, figures
from app.dashboard.context import Context
from app.dashboard.page import Page
from app.headline import display_name, variant_words
from app.repaint import Repaint
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.choice import Choice
from app.widgets.composer import Composer
from app.widgets.empty_state import EmptyState
from app.widgets.message import Answer, Question
from app.widgets.tab_order import follow_reading_order
from app.widgets.text import label
from app.widgets.transcript import WIDEST, Transcript
from app.words import plain
from spark_engine.types.ids import AUTO
from spark_engine.types.models import Loading, ModelEntry, VariantEntry, is_installed
from spark_engine.types.state import EngineState


class ChatPage(Page):
    """Works while the engine is away too: an answer that cannot come says why and can be tried again."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.conversation: Conversation = context.conversation
        self.transcript, self.welcome = Transcript(), EmptyState()
        self.composer = Composer("Message", "Ask something. Enter sends, Shift+Enter starts a new line")
        self.picker = Choice("Model that answers")
        self.new_chat = Button("New chat", "note-pencil", name="New chat (Ctrl+N)")
        self.to_end = Button("Newest", "arrow-down", name="Go to the newest text")
        self._growing: tuple[Turn, Answer] | None = None
        self._repaint = Repaint(self._draw_growing, self)
        self._arrange()
        self._connect()
        self._draw_models()

    def _arrange(self) -> None:
        self.picker.setMaximumWidth(360)
        self.to_end.hide()
        self.welcome.show_words(
            "chat-circle-text", "Ask anything", "The model runs on this machine; nothing you write leaves it."
        )
        head = row(label("Chat", "title"), None, self.picker, self.new_chat)
        head.setContentsMargins(3 * GRID, 2 * GRID, 3 * GRID, GRID)
        self._middle = QStackedWidget()
        self._middle.addWidget(self.welcome)
        self._middle.addWidget(self.transcript)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self._middle, 1)
        column.addWidget(self.to_end, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._foot())

    def _foot(self) -> QWidget:
        foot = QWidget()
        self.composer.setMaximumWidth(WIDEST + 4 * GRID)
        line = row(self.composer)
        line.setContentsMargins(2 * GRID, GRID, 2 * GRID, 2 * GRID)
        foot.setLayout(line)
        return foot

    def _connect(self) -> None:
        talk, store = self.conversation, self._store
        self.composer.sent.connect(self._send)
        self.composer.stopped.connect(talk.stop)
        self.new_chat.clicked.connect(self.start_new)
        self.to_end.clicked.connect(self.transcript.go_to_end)
        self.transcript.scrolled_away.connect(self.to_end.setVisible)
        self.picker.activated.connect(self._choose)
        talk.asked.connect(self._show_turn)
        talk.restarted.connect(self._show_again)
        talk.grown.connect(lambda turn: self._repaint.request())
        talk.ended.connect(self._end)
        talk.cleared.connect(self._clear)
        store.models_changed.connect(self._draw_models)
        store.models_changed.connect(self._draw_waiting)

    def shown(self) -> None:
        """The cursor belongs into the field."""
        self.composer.field.setFocus()

    def recheck(self) -> None:
        """F5: look again for models on disk."""
        self._context.actions.rescan()

    def start_new(self) -> None:
        """Ctrl+N: an empty conversation; what is being typed stays."""
        self.conversation.clear()
        self.shown()

    def _send(self, text: str) -> None:
        if self.conversation.ask(text):
            self.composer.clear()

    def _choose(self, index: int) -> None:
        self.conversation.model = self.picker.itemData(index)

    def _show_turn(self, turn: Turn) -> None:
        for message in self.transcript.messages[-1:]:
            if isinstance(message, Answer):
                message.settle()
        self._middle.setCurrentIndex(1)
        self.transcript.add(Question(turn.question))
        self._expect(turn)

    def _show_again(self, turn: Turn) -> None:
        self.transcript.remove_last()
        self._expect(turn)

    def _expect(self, turn: Turn) -> None:
        answer = Answer()
        answer.copied.connect(lambda text: self._context.actions.copy(text, "The text"))
        answer.link_chosen.connect(lambda link: self._context.actions.copy(link, "The link"))
        answer.regenerate.connect(self.conversation.repeat)
        self._growing = (turn, answer)
        self.transcript.add(answer)
        self.composer.show_busy(True)
        self._draw_waiting()

    def _draw_growing(self) -> None:
        if self._growing is not None:
            turn, answer = self._growing
            answer.show_markdown(turn.answer)

    def _draw_waiting(self) -> None:
        """Before the first word: say when it is the model's loading that takes the time."""
        if self._growing is None or self._growing[0].answer:
            return
        state = self._store.live
        moving = [v for m in state.models.values() for v in m.variants] if state else []
        loading = next((v for v in moving if isinstance(v.status, Loading)), None)
        name = display_name(state, loading.id) if state and loading else ""
        self._growing[1].wait(f"Loading {name}…" if name else "Waiting for the first word…")

    def _end(self, turn: Turn) -> None:
        if self._growing is None or self._growing[0] is not turn:
            return
        answer = self._growing[1]
        self._growing = None
        answer.show_markdown(turn.answer)
        if turn.trouble is not None:
            answer.fail(turn.trouble.title, plain(turn.trouble.message), plain(turn.trouble.remedy))
        else:
            answer.finish(figures(turn, self._who(turn)), can_repeat=True)
        self.composer.show_busy(False)
        follow_reading_order([self])

    def _who(self, turn: Turn) -> str:
        state = self._store.state
        return display_name(state, turn.finished.served.model) if state and turn.finished else ""

    def _clear(self) -> None:
        self._growing = None
        self.transcript.clear()
        self.to_end.hide()
        self._middle.setCurrentIndex(0)
        self.composer.show_busy(False)

    def _draw_models(self) -> None:
        """The picker: automatic, then every variant on this machine."""
        state = self._store.state
        wanted = [(_auto_words(state), AUTO), *(_choices(state) if state else [])]
        if wanted == [(self.picker.itemText(i), self.picker.itemData(i)) for i in range(self.picker.count())]:
            return
        self.picker.clear()
        for words, id in wanted:
            self.picker.addItem(words, id)
        at = self.picker.findData(self.conversation.model)
        self.picker.setCurrentIndex(max(at, 0))
        self.conversation.model = self.picker.currentData()


def _auto_words(state: EngineState | None) -> str:
    return (
        f"Automatic ({display_name(state, state.default_model)})"
        if state and state.default_model
        else "Automatic"
    )


def _choices(state: EngineState) -> list[tuple[str, str]]:
    return [(f"{m.name}, {variant_words(v)}", v.id) for m in state.models.values() for v in _usable(m)]


def _usable(model: ModelEntry) -> list[VariantEntry]:
    return [v for v in model.variants if is_installed(v.status) and v.component is None and not v.rejected]
