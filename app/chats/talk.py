"""One conversation as data: questions with their answers, each in versions; what is shown is one path through them."""

import time
from typing import Literal
from uuid import uuid4

from app.chats.setup import Setup
from spark_engine.types.generation import Failed, Finished
from spark_engine.types.ids import AUTO

Progress = Literal["writing", "done", "stopped", "failed"]
TITLE_LENGTH, LOOKED_AT = 48, 4000
UNTITLED = "New chat"


class Fork:
    """A place in a conversation: the turns that stand in for each other there, and which of them is shown."""

    def __init__(self) -> None:
        self.versions: list[Turn] = []
        self.shown = 0

    @property
    def turn(self) -> "Turn | None":
        """The version that is shown; None where the conversation ends."""
        return self.versions[self.shown] if self.versions else None

    def add(self, turn: "Turn") -> "Turn":
        """One more version, which is shown from now on."""
        turn.fork = self
        self.versions.append(turn)
        self.shown = len(self.versions) - 1
        return turn


class Turn:
    """One question and what came back. `finished` and `trouble` are set by the end of the answer, `left_out` counts
    the messages before it that the model could not be told for lack of room. `asked` is in Unix seconds.
    """

    def __init__(self, question: str) -> None:
        self.question = question
        self.fork, self.after = Fork(), Fork()
        self.restart()

    def restart(self) -> None:
        """Forget the answer; it is about to be written anew."""
        self.asked = time.time()
        self.pieces: list[str] = []
        self.progress: Progress = "writing"
        self.finished: Finished | None = None
        self.trouble: Failed | None = None
        self.left_out = 0

    @property
    def answer(self) -> str:
        """The text so far."""
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    @property
    def versions(self) -> tuple[int, int]:
        """Which version of its place it is, from 1, and how many there are."""
        versions = self.fork.versions
        return (versions.index(self) + 1, len(versions)) if self in versions else (1, 1)


class Talk:
    """A conversation. `title` is empty until somebody gives one; `model` is what was chosen to answer, `draft` what is
    being typed. While a question is edited, `editing` is its turn and `laid_by` what was being typed before. Times are
    Unix seconds.
    """

    def __init__(self, setup: Setup | None = None, model: str = AUTO) -> None:
        self.id = uuid4().hex
        self.title = ""
        self.created = self.changed = time.time()
        self.model, self.setup = model, setup or Setup()
        self._first_setup = self.setup
        self.draft = self.laid_by = ""
        self.editing: Turn | None = None
        self.start = Fork()

    @property
    def path(self) -> list[Turn]:
        """The turns that are shown, oldest first."""
        found, turn = [], self.start.turn
        while turn is not None:
            found.append(turn)
            turn = turn.after.turn
        return found

    @property
    def last(self) -> Turn | None:
        """The newest turn that is shown."""
        return path[-1] if (path := self.path) else None

    @property
    def name(self) -> str:
        """Its title, or the first words of its first question, or of the draft."""
        first = self.start.turn
        return self.title or first_words(first.question if first else self.draft) or UNTITLED

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in it to lose."""
        return self.start.turn is None and not self.draft.strip() and self.setup == self._first_setup

    def ask(self, question: str) -> Turn:
        """A new turn at the end of what is shown."""
        last = self.last
        return (last.after if last else self.start).add(Turn(question))

    def revise(self, turn: Turn, question: str) -> Turn:
        """Another version of `turn`, shown in its place; what followed it stays with the old one."""
        return turn.fork.add(Turn(question))

    def show_version(self, turn: Turn, step: int) -> Turn:
        """Show the version `step` places on from `turn`, within those there are."""
        fork = turn.fork
        fork.shown = max(0, min(fork.versions.index(turn) + step, len(fork.versions) - 1))
        return fork.versions[fork.shown]

    def edit(self, turn: Turn) -> None:
        """Begin to ask a question otherwise."""
        if self.editing is None:
            self.laid_by = self.draft
        self.editing, self.draft = turn, turn.question

    def end_edit(self) -> None:
        """What was being typed before is the draft again."""
        self.editing, self.draft, self.laid_by = None, self.laid_by, ""

    def touch(self) -> None:
        """Something in it changed now."""
        self.changed = time.time()


def first_words(text: str) -> str:
    """What a conversation that begins with `text` is called: whole words of its first line, at most 48 letters."""
    line = " ".join(next((part for part in text[:LOOKED_AT].splitlines() if part.strip()), "").split())
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[:TITLE_LENGTH].rsplit(" ", 1)[0]
    return (cut if len(cut) > TITLE_LENGTH // 2 else line[:TITLE_LENGTH]).rstrip(" ,.;:") + "…"
