"""What of a conversation the model is told."""

from app.chats.talk import Talk, Turn
from spark_engine.types.chat import ChatMessage

MOST = 1_000_000
"""Letters; more than the largest context takes, less than the API's largest request."""


def spoken(talk: Talk, turn: Turn, most: int = MOST) -> list[ChatMessage]:
    """What the model is told to answer `turn`: the system prompt, turns with answers, the question; where that is more
    than `most` letters, the oldest turns are left out.
    """
    path = talk.path
    told, room = [ChatMessage("user", turn.question)], most - len(turn.question)
    for before in reversed(path[: path.index(turn)] if turn in path else []):
        room -= len(before.question) + len(before.answer)
        if room < 0:
            break
        if before.answer:
            told = [ChatMessage("user", before.question), ChatMessage("assistant", before.answer), *told]
    system = talk.setup.system.strip()
    return [ChatMessage("system", system), *told] if system else told
