"""A conversation for other programs and people: as Markdown, or as JSON with messages in OpenAI's form."""

import re
import time
from typing import Any

import msgspec

from app.chats.talk import Talk, Turn

_UNFIT = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


def as_markdown(talk: Talk) -> str:
    """What is shown of the conversation: a heading per message, answers as the model wrote them."""
    parts = [f"# {talk.name}", time.strftime("%Y-%m-%d %H:%M", time.localtime(talk.created))]
    if talk.setup.system.strip():
        parts += ["## System", talk.setup.system.strip()]
    for turn in talk.path:
        parts += ["## You", turn.question, f"## {_who(turn)}", turn.answer.strip() or _nothing(turn)]
    return "\n\n".join(parts) + "\n"


def as_json(talk: Talk) -> bytes:
    """What is shown of the conversation: title, model, parameters, and messages, answers with their figures."""
    whole = {
        "title": talk.name,
        "created": _point(talk.created),
        "model": talk.model,
        "parameters": talk.setup.parameters.options(),
        "messages": [*_opening(talk), *(message for turn in talk.path for message in _messages(turn))],
    }
    return msgspec.json.format(msgspec.json.encode(whole)) + b"\n"


def file_name(talk: Talk, ending: str) -> str:
    """A name for its file that every system takes."""
    stem = " ".join(_UNFIT.sub(" ", talk.name).split()).strip(" .…") or "Conversation"
    return f"{stem}.{ending}"


def _opening(talk: Talk) -> list[dict[str, Any]]:
    return [{"role": "system", "content": talk.setup.system}] if talk.setup.system.strip() else []


def _messages(turn: Turn) -> list[dict[str, Any]]:
    answer: dict[str, Any] = {"role": "assistant", "content": turn.answer}
    if turn.finished is not None:
        answer |= {
            "model": turn.finished.served.model,
            "device": turn.finished.served.device,
            "finish_reason": turn.finished.reason,
            "usage": turn.finished.usage,
            "timings": turn.finished.timings,
        }
    elif turn.trouble is not None:
        answer["error"] = turn.trouble.title
    return [{"role": "user", "content": turn.question, "asked": _point(turn.asked)}, answer]


def _who(turn: Turn) -> str:
    return turn.finished.served.model.partition(":")[0] if turn.finished else "Answer"


def _nothing(turn: Turn) -> str:
    return f"({turn.trouble.title})" if turn.trouble else "(no answer)"


def _point(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
