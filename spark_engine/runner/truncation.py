"""Fits a prompt into the context: refuses it, or leaves out its oldest turns or the beginning of its text."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

from msgspec.structs import replace

from spark_engine.errors import ContextExceeded
from spark_engine.types.chat import ChatMessage, ChatPrompt, Prompt
from spark_engine.types.generation import GenerationRequest, StopRules, Truncation

ANSWER_ROOM = 1024
"""Tokens kept free for an answer whose length was not said; a quarter of the context where that is less."""
DROPPED_AT_ONCE = 4
"""A conversation loses its oldest turns by whole quarters of what it may have: so it begins at the same turn for a
while, and what was computed of it is still in the cache at its next turn."""
Encode = Callable[[Prompt], list[int]]


class Fitted(NamedTuple):
    """A prompt that fits: its tokens, how many it may have together with its answer, and what was left out of it."""

    tokens: list[int]
    limit: int
    truncation: Truncation | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing was left out."""
        return self.truncation is None or not self.truncation.dropped_tokens


def fitted(request: GenerationRequest, encode: Encode, prefix: Sequence[int], context: int) -> Fitted:
    """The prompt of a request, shortened where it must and may be; ContextExceeded when it does not fit.

    `prefix`: what a vocabulary puts in front of raw text; it stays there.
    """
    wanted = request.stop.max_tokens
    if request.truncation == "disabled":
        tokens = encode(request.prompt)
        if not _fits(len(tokens), wanted or 0, context):
            raise ContextExceeded(len(tokens), wanted or 0, context)
        return Fitted(tokens, _limit(len(tokens), wanted, context))
    room = answer_room(request.stop, context)
    tokens, dropped, whole = shortened(request.prompt, encode, prefix, context - room)
    if not _fits(len(tokens), 0 if wanted is None else room, context):
        raise ContextExceeded(whole, wanted or 0, context, len(tokens) if dropped else None)
    limit = _limit(len(tokens), wanted, context)
    return Fitted(
        tokens, limit, Truncation(dropped, whole - len(tokens), whole, len(tokens), limit - len(tokens))
    )


def answer_room(stop: StopRules, context: int) -> int:
    """Tokens to keep free for an answer: one at least; as many as it may have, but at most half of the context."""
    wanted = stop.max_tokens
    if wanted is None:
        wanted = max(min(ANSWER_ROOM, context // 4), stop.min_tokens)
    return max(1, min(wanted, context // 2))


class Shortened(NamedTuple):
    """A prompt's tokens without its oldest part, how many messages that was, and the tokens of the whole prompt."""

    tokens: list[int]
    dropped_messages: int
    whole: int


def shortened(prompt: Prompt, encode: Encode, prefix: Sequence[int], most: int) -> Shortened:
    """A prompt in at most `most` tokens; in more where the newest turn of a conversation alone has more."""
    whole = encode(prompt)
    if len(whole) <= most:
        return Shortened(whole, 0, len(whole))
    if isinstance(prompt, ChatPrompt):
        return Shortened(*_without_turns(prompt, encode, len(whole), most) or (whole, 0), len(whole))
    return Shortened(_without_beginning(whole, prefix, most), 0, len(whole))


def _fits(prompt: int, answer: int, context: int) -> bool:
    return prompt < context and prompt + answer <= context


def _limit(prompt: int, max_tokens: int | None, context: int) -> int:
    """How many tokens prompt and answer may have together."""
    return context if max_tokens is None else min(context, prompt + max_tokens)


def cuts(messages: Sequence[ChatMessage]) -> list[int]:
    """Where a conversation may begin, the earliest first: at user messages, behind no call that is answered later.

    System messages before such a place stay, and so does all from the last user message on.
    """
    callers = _earliest_callers(messages)
    first = next((i for i, message in enumerate(messages) if message.role != "system"), len(messages))
    return [
        place
        for place in range(first + 1, len(messages))
        if messages[place].role == "user" and callers[place] >= place
    ]


def _without_turns(prompt: ChatPrompt, encode: Encode, whole: int, most: int) -> tuple[list[int], int] | None:
    """The tokens without the oldest turns, and how many messages those had; None when there is only one turn.

    Where no place leaves out whole quarters, as little goes as must. Only about 2 log2(turns) prompts are encoded.
    """
    tried: dict[int, list[int]] = {}

    def length(place: int) -> int:
        if place not in tried:
            tried[place] = encode(_beginning_at(prompt, place))
        return len(tried[place])

    def first_within(most: int) -> int | None:
        found = bisect_left(places, True, key=lambda place: length(place) <= most)
        return places[found] if found < len(places) else None

    places = cuts(prompt.messages)
    if not places:
        return None
    at_once = max(1, most // DROPPED_AT_ONCE)
    rounded = whole - ceil((whole - most) / at_once) * at_once
    place = first_within(rounded) or first_within(most) or places[-1]
    length(place)
    return tried[place], len(prompt.messages) - len(_beginning_at(prompt, place).messages)


def _beginning_at(prompt: ChatPrompt, place: int) -> ChatPrompt:
    system = (message for message in prompt.messages[:place] if message.role == "system")
    return replace(prompt, messages=(*system, *prompt.messages[place:]))


def _earliest_callers(messages: Sequence[ChatMessage]) -> list[int]:
    """For each place, where the earliest call stands that is answered there or later."""
    earliest = [len(messages)] * len(messages)
    called: dict[str, int] = {}
    for place, message in enumerate(messages):
        called |= {call.id: place for call in message.tool_calls}
        earliest[place] = called.get(message.tool_call_id or "", len(messages))
    for place in reversed(range(len(messages) - 1)):
        earliest[place] = min(earliest[place], earliest[place + 1])
    return earliest


def _without_beginning(whole: list[int], prefix: Sequence[int], most: int) -> list[int]:
    head = len(prefix) if whole[: len(prefix)] == list(prefix) else 0
    return whole[:head] + whole[len(whole) - max(0, most - head) :]
