"""The conversation of the chat page: questions, answers as they are written, stopping and repeating."""

import asyncio
from contextlib import aclosing
from typing import Literal

from PySide6.QtCore import QObject, Signal

from app.words import duration
from spark_engine.client.http import SparkClient
from spark_engine.errors import SparkError
from spark_engine.tasks import create_task
from spark_engine.types.chat import ChatMessage
from spark_engine.types.generation import Delta, Failed, Finished
from spark_engine.types.ids import AUTO
from spark_engine.types.quantities import speed

Progress = Literal["writing", "done", "stopped", "failed"]


class Turn:
    """One question and what came back. `finished` and `trouble` are set by the end of the answer."""

    def __init__(self, question: str) -> None:
        self.question = question
        self.restart()

    def restart(self) -> None:
        """Forget the answer; it is about to be written anew."""
        self.pieces: list[str] = []
        self.progress: Progress = "writing"
        self.finished: Finished | None = None
        self.trouble: Failed | None = None

    @property
    def answer(self) -> str:
        """The text so far."""
        return "".join(self.pieces)


class Conversation(QObject):
    """The turns so far; at most one answer is being written. Lives in memory only."""

    asked = Signal(object)
    restarted = Signal(object)
    grown = Signal(object)
    ended = Signal(object)
    cleared = Signal()

    def __init__(self, client: SparkClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._task: asyncio.Task[None] | None = None
        self.turns: list[Turn] = []
        self.model = AUTO

    @property
    def is_busy(self) -> bool:
        """Whether an answer is being written."""
        return bool(self.turns) and self.turns[-1].progress == "writing"

    def ask(self, question: str) -> bool:
        """Ask the next question; False while an answer is being written."""
        if self.is_busy:
            return False
        self.turns.append(Turn(question))
        self.asked.emit(self.turns[-1])
        self._begin(self.turns[-1])
        return True

    def repeat(self) -> None:
        """Have the last question answered again."""
        if self.turns and not self.is_busy:
            self.turns[-1].restart()
            self.restarted.emit(self.turns[-1])
            self._begin(self.turns[-1])

    def stop(self) -> None:
        """Stop the answer that is being written; what is there stays."""
        if self._task is not None:
            self._task.cancel()

    def clear(self) -> None:
        """Begin a new conversation."""
        self.stop()
        self.turns = []
        self.cleared.emit()

    def _begin(self, turn: Turn) -> None:
        messages = self._messages()
        self._task = create_task(self._answer(turn, messages), name="answer")
        self._task.add_done_callback(lambda task: self._close(turn, task.cancelled()))

    def _messages(self) -> list[ChatMessage]:
        """What the model is told: every turn with an answer, then the open question."""
        said = []
        for turn in self.turns[:-1]:
            if turn.answer:
                said += [ChatMessage("user", turn.question), ChatMessage("assistant", turn.answer)]
        return [*said, ChatMessage("user", self.turns[-1].question)]

    async def _answer(self, turn: Turn, messages: list[ChatMessage]) -> None:
        try:
            async with aclosing(self._client.chat(messages, self.model)) as events:
                async for event in events:
                    self._take(turn, event)
        except SparkError as error:
            turn.trouble = Failed(error.code, error.title, error.message, error.remedy)

    def _close(self, turn: Turn, stopped: bool) -> None:
        """The task is over, however it ended; one that was stopped early may never have begun."""
        turn.progress = "stopped" if stopped else "failed" if turn.trouble else "done"
        if turn in self.turns:
            self.ended.emit(turn)

    def _take(self, turn: Turn, event: object) -> None:
        match event:
            case Delta(text=text):
                turn.pieces.append(text)
                self.grown.emit(turn)
            case Finished():
                turn.finished = event
            case Failed():
                turn.trouble = event


def figures(turn: Turn, name: str = "") -> str:
    """The line below an answer: speed, time to the first token, length, who answered; `name` is the model's."""
    done = turn.finished
    if done is None:
        return "Stopped" if turn.progress == "stopped" else ""
    tokens = done.usage.completion_tokens
    parts = [
        speed(done.timings.tokens_per_second) if done.timings.tokens_per_second else "",
        f"first token after {duration(done.timings.first_token_ms)}",
        f"{tokens} tokens" if tokens != 1 else "1 token",
        " on ".join(part for part in (name or done.served.model, done.served.device) if part),
        "cut off at the longest answer allowed" if done.reason == "length" else "",
    ]
    return "  ·  ".join(part for part in parts if part)
