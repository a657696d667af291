"""The conversation of the chat page: asking, stopping, repeating, editing; answers go on in those left behind."""

import asyncio
from contextlib import aclosing

from PySide6.QtCore import QObject, Signal

from app.chats.setup import Setup
from app.chats.spoken import spoken
from app.chats.talk import Talk, Turn
from spark_engine.client.http import SparkClient
from spark_engine.errors import SparkError
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.generation import Delta, Failed, Finished, Started


class Conversation(QObject):
    """`talk` is the one that is open; at most one answer is being written in each.

    `opened`: another one is open, or other versions of its turns are shown. `asked(turn)`: it is the last one now.
    `grown(turn)` and `ended(turn)` tell of answers wherever they are. `changed(talk, is_writing)`: what should be kept.
    `closed`: nothing will change any more.
    """

    opened = Signal()
    asked = Signal(object)
    grown = Signal(object)
    ended = Signal(object)
    changed = Signal(object, bool)
    closed = Signal()

    def __init__(self, client: SparkClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._tasks: dict[Turn, asyncio.Task[None]] = {}
        self._homes: dict[Turn, Talk] = {}
        self.talk = Talk()
        self.model = self.talk.model

    @property
    def turns(self) -> list[Turn]:
        """The turns that are shown, oldest first."""
        return self.talk.path

    @property
    def is_busy(self) -> bool:
        """Whether an answer is being written in what is shown."""
        return self.talk.last in self._tasks

    def is_writing(self, id: str) -> bool:
        """Whether an answer is being written in the conversation with this id."""
        return any(talk.id == id for talk in self._homes.values())

    def known(self, id: str) -> Talk | None:
        """The conversation with this id, if it is open or an answer is being written in it."""
        return next((talk for talk in (self.talk, *self._homes.values()) if talk.id == id), None)

    def ask(self, question: str) -> bool:
        """Ask the next question, or another one in place of the one that is edited; False while one is answered."""
        if self.is_busy:
            return False
        edited = self.talk.editing
        self.talk.end_edit()
        self._begin(self.talk.revise(edited, question) if edited else self.talk.ask(question))
        return True

    def repeat(self) -> None:
        """Have the last question answered again; what was answered stays as another version."""
        last = self.talk.last
        if last is None or self.is_busy:
            return
        if last.answer:
            last = self.talk.revise(last, last.question)
        else:
            last.restart()
        self._begin(last)

    def show_version(self, turn: Turn, step: int) -> None:
        """Show the version of a turn `step` places on, and what followed it."""
        if self.talk.editing is not None:
            self.talk.end_edit()
        self.talk.show_version(turn, step)
        self.opened.emit()
        self.changed.emit(self.talk, False)

    def edit(self, turn: Turn) -> None:
        """Begin to ask a question otherwise: it is the draft from now on."""
        self.talk.edit(turn)
        self.changed.emit(self.talk, False)

    def end_edit(self) -> None:
        """Leave the question as it is."""
        if self.talk.editing is not None:
            self.talk.end_edit()
            self.changed.emit(self.talk, False)

    def type(self, text: str) -> None:
        """What stands in the field."""
        if text != self.talk.draft:
            self.talk.draft = text
            self.changed.emit(self.talk, False)

    def set_up(self, setup: Setup) -> None:
        """How the model is to answer from now on."""
        self.talk.setup = setup
        self.changed.emit(self.talk, False)

    def choose(self, model: str) -> None:
        """Which model is to answer from now on."""
        self.talk.model = self.model = model
        self.changed.emit(self.talk, False)

    def stop(self) -> None:
        """Stop the answer that is being written; what is there stays."""
        last = self.talk.last
        if last is not None and last in self._tasks:
            self._tasks[last].cancel()

    def stop_in(self, id: str) -> None:
        """Stop the answer in the conversation with this id."""
        for turn, talk in self._homes.items():
            if talk.id == id:
                self._tasks[turn].cancel()

    def open(self, talk: Talk) -> None:
        """Show another conversation; an answer in the one before is written on."""
        self.talk, self.model = talk, talk.model
        self.opened.emit()

    def clear(self, setup: Setup | None = None) -> None:
        """Open a new conversation with the same model. What is being typed comes along."""
        before = self.talk
        talk = Talk(setup, before.model)
        if before.editing is None:
            talk.draft, before.draft = before.draft, ""
            self.changed.emit(before, False)
        self.open(talk)

    async def close(self) -> None:
        """The app ends: stop everything; what was written is in the turns."""
        await cancel_and_wait(*self._tasks.values())
        self.closed.emit()

    def _begin(self, turn: Turn) -> None:
        talk, model = self.talk, self.model
        task = create_task(self._answer(talk, turn, model), name="answer")
        self._tasks[turn], self._homes[turn] = task, talk
        task.add_done_callback(lambda task: self._close(turn, task.cancelled()))
        talk.touch()
        self.asked.emit(turn)
        self.changed.emit(talk, False)

    async def _answer(self, talk: Talk, turn: Turn, model: str) -> None:
        options = {**talk.setup.parameters.options(), "truncation": "auto"}
        try:
            async with aclosing(self._client.chat(spoken(talk, turn), model, **options)) as events:
                async for event in events:
                    self._take(turn, event)
        except SparkError as error:
            turn.trouble = Failed(error.code, error.title, error.message, error.remedy)

    def _close(self, turn: Turn, stopped: bool) -> None:
        """The task is over, however it ended; one that was stopped early may never have begun."""
        turn.progress = "stopped" if stopped else "failed" if turn.trouble else "done"
        self._tasks.pop(turn)
        talk = self._homes.pop(turn)
        talk.touch()
        self.ended.emit(turn)
        self.changed.emit(talk, False)

    def _take(self, turn: Turn, event: object) -> None:
        match event:
            case Started(truncation=truncation):
                turn.left_out = truncation.dropped_messages if truncation else 0
            case Delta(text=text):
                turn.pieces.append(text)
                self.grown.emit(turn)
                self.changed.emit(self._homes[turn], True)
            case Finished():
                turn.finished = event
            case Failed():
                turn.trouble = event
