"""What is shown of a conversation: a message for each question and answer, made when it comes into sight."""

from typing import Any

from PySide6.QtCore import QObject, Signal

from app.answer_words import figures, timing_words
from app.chats.talk import Turn
from app.dashboard.context import Context
from app.headline import display_name
from app.repaint import Repaint
from app.widgets.message import Answer, Question
from app.widgets.transcript import Entry, Transcript
from app.words import plain
from spark_engine.types.models import Loading

Key = tuple[Turn, type]


class ChatView(QObject):
    """Follows the conversation that is open. `edit_wanted(turn)`: somebody wants to ask it otherwise."""

    edit_wanted = Signal(object)

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context, self._store, self._talk = context, context.store, context.conversation
        self.transcript = Transcript(self._make)
        self._last: Turn | None = None
        self._repaint = Repaint(self._draw_growing, self)
        self._talk.opened.connect(self.show_path)
        self._talk.asked.connect(self._show_asked)
        self._talk.grown.connect(self._grow)
        self._talk.ended.connect(self._end)
        self._store.models_changed.connect(self._draw_waiting)
        self._known = ""

    def show_path(self, *, to_end: bool = False) -> None:
        """Show the turns of the open conversation; those of another one from its end."""
        path, talk = self._talk.turns, self._talk.talk
        to_end, self._known = to_end or talk.id != self._known, talk.id
        entries = [entry for turn in path for entry in _entries(turn)]
        self._settle(path[-1] if path else None)
        self.transcript.show_entries(entries, to_end=to_end)

    def answer(self, turn: Turn) -> Answer | None:
        """The message with a turn's answer, while it exists."""
        message = self.transcript.message((turn, Answer))
        return message if isinstance(message, Answer) else None

    def _show_asked(self, turn: Turn) -> None:
        self.transcript.renew((turn, Answer))
        self.show_path(to_end=True)

    def _settle(self, last: Turn | None) -> None:
        """Only the last answer can be repeated."""
        before, self._last = self._last, last
        for turn in (before, last):
            if turn is not None and before is not last and (answer := self.answer(turn)):
                self._draw(turn, answer)

    def _make(self, key: Key) -> Question | Answer:
        turn, kind = key
        return self._question(turn) if kind is Question else self._answer(turn)

    def _question(self, turn: Turn) -> Question:
        made = Question(turn.question, *turn.versions)
        made.copied.connect(lambda text: self._context.actions.copy(text, "The question"))
        made.edited.connect(lambda: self.edit_wanted.emit(turn))
        made.turned.connect(lambda step: self._talk.show_version(turn, step))
        return made

    def _answer(self, turn: Turn) -> Answer:
        made = Answer()
        made.copied.connect(lambda text: self._context.actions.copy(text, "The text"))
        made.link_chosen.connect(lambda link: self._context.actions.copy(link, "The link"))
        made.regenerate.connect(self._talk.repeat)
        self._draw(turn, made)
        return made

    def _draw(self, turn: Turn, answer: Answer) -> None:
        """The answer as it is now."""
        if turn.answer:
            answer.show_markdown(turn.answer)
        is_last = turn is self._talk.talk.last
        if turn.progress == "writing":
            answer.wait(self._waiting_words())
        elif turn.trouble is not None:
            trouble = turn.trouble
            answer.fail(trouble.title, plain(trouble.message), plain(trouble.remedy))
        else:
            answer.finish(figures(turn, self._who(turn)), can_repeat=is_last, details=timing_words(turn))
        if not is_last:
            answer.settle()

    def _grow(self, turn: Turn) -> None:
        if turn is self._last:
            self._repaint.request()

    def _draw_growing(self) -> None:
        if self._last is not None and (answer := self.answer(self._last)):
            answer.show_markdown(self._last.answer)

    def _end(self, turn: Turn) -> None:
        if answer := self.answer(turn):
            self._draw(turn, answer)

    def _draw_waiting(self) -> None:
        """Before the first word: say when it is the model's loading that takes the time."""
        last = self._last
        if last is not None and last.progress == "writing" and not last.answer and (it := self.answer(last)):
            it.wait(self._waiting_words())

    def _waiting_words(self) -> str:
        state = self._store.live
        moving = [v for m in state.models.values() for v in m.variants] if state else []
        loading = next((v for v in moving if isinstance(v.status, Loading)), None)
        name = display_name(state, loading.id) if state and loading else ""
        return f"Loading {name}…" if name else "Waiting for the first word…"

    def _who(self, turn: Turn) -> str:
        state = self._store.state
        return display_name(state, turn.finished.served.model) if state and turn.finished else ""


def _entries(turn: Turn) -> tuple[Entry, Entry]:
    key: Any = (turn, Question)
    return Entry(key, len(turn.question)), Entry((turn, Answer), len(turn.answer))
