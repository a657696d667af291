"""A conversation as it lies on disk: one JSON file, written whole; the turns as a list, each with what it follows."""

from typing import Literal

from msgspec import Struct

from app.chats.setup import Setup
from app.chats.talk import Talk, Turn
from spark_engine.types.generation import Failed, Finished
from spark_engine.types.ids import AUTO

BROKEN_OFF = Failed(
    "interrupted",
    "This answer broke off",
    "Spark ended while it was being written.",
    "What was written so far is kept; the question can be asked again.",
)


class TurnRecord(Struct, frozen=True, omit_defaults=True):
    """One turn. `follows`: the place of the turn before it in the list, -1 for a first one; `shown`: it is the version
    that is seen of its place.
    """

    question: str
    answer: str = ""
    follows: int = -1
    shown: bool = True
    asked: float = 0.0
    progress: Literal["writing", "done", "stopped", "failed"] = "done"
    finished: Finished | None = None
    trouble: Failed | None = None
    left_out: int = 0


class Card(Struct, frozen=True):
    """What the list of conversations shows of one; the rest of its file is not read for that. `is_draft`: nothing was
    asked in it yet.
    """

    id: str
    name: str
    changed: float = 0.0
    is_draft: bool = False


class TalkRecord(Struct, frozen=True, omit_defaults=True):
    """A whole conversation. `name` is what it is called, `title` what somebody called it."""

    id: str
    name: str
    changed: float
    created: float = 0.0
    is_draft: bool = False
    title: str = ""
    model: str = AUTO
    setup: Setup = Setup()
    draft: str = ""
    laid_by: str = ""
    editing: int = -1
    turns: tuple[TurnRecord, ...] = ()


def recorded(talk: Talk) -> TalkRecord:
    """The conversation as it is now."""
    turns = _all_turns(talk)
    place = {id(turn): at for at, turn in enumerate(turns)}
    follows = {id(later): at for at, turn in enumerate(turns) for later in turn.after.versions}
    return TalkRecord(
        talk.id,
        talk.name,
        talk.changed,
        talk.created,
        not turns,
        talk.title,
        talk.model,
        talk.setup,
        talk.draft,
        talk.laid_by,
        place.get(id(talk.editing), -1),
        tuple(_turn_record(turn, follows.get(id(turn), -1)) for turn in turns),
    )


def card(talk: Talk) -> Card:
    """What the list shows of it."""
    return Card(talk.id, talk.name, talk.changed, talk.start.turn is None)


def restored(record: TalkRecord) -> Talk:
    """The conversation again; an answer that was being written has broken off."""
    talk = Talk(record.setup, record.model)
    talk.id, talk.title, talk.draft, talk.laid_by = record.id, record.title, record.draft, record.laid_by
    talk.created, talk.changed = record.created, record.changed
    turns: list[Turn] = []
    for at, said in enumerate(record.turns):
        fork = turns[said.follows].after if 0 <= said.follows < at else talk.start
        shown = fork.shown
        turns.append(fork.add(_turn(said)))
        fork.shown = len(fork.versions) - 1 if said.shown else shown
    if 0 <= record.editing < len(turns):
        talk.editing = turns[record.editing]
    elif talk.laid_by:
        talk.end_edit()
    return talk


def _all_turns(talk: Talk) -> list[Turn]:
    """Every version of every turn, each after the one it follows."""
    found: list[Turn] = []
    waiting = [talk.start]
    while waiting:
        fork = waiting.pop()
        found += fork.versions
        waiting += [turn.after for turn in fork.versions if turn.after.versions]
    return found


def _turn_record(turn: Turn, follows: int) -> TurnRecord:
    return TurnRecord(
        turn.question,
        turn.answer,
        follows,
        turn.fork.turn is turn,
        turn.asked,
        turn.progress,
        turn.finished,
        turn.trouble,
        turn.left_out,
    )


def _turn(said: TurnRecord) -> Turn:
    turn = Turn(said.question)
    turn.asked, turn.pieces = said.asked, [said.answer] if said.answer else []
    turn.progress, turn.finished, turn.left_out = said.progress, said.finished, said.left_out
    turn.trouble = said.trouble
    if said.progress == "writing":
        turn.progress, turn.trouble = "failed", BROKEN_OFF
    return turn
