"""The slots of a decoder: who has one, and the prefix cache that ended sequences leave behind in theirs.

The key/value state of an ended sequence stays in its slot until the slot or the memory is needed. A new sequence
takes over the longest beginning it shares with what any slot holds; what it takes over is not computed again.
"""

import logging
from collections.abc import Iterable
from collections.abc import Sequence as Items
from typing import NamedTuple

from spark_engine.backends.base import Decoder
from spark_engine.backends.cutting import FEWEST
from spark_engine.runner.sequence import Sequence

log = logging.getLogger(__name__)
SHARED_LEAST = 16


class Match(NamedTuple):
    """The first `length` tokens are those that `slot` holds."""

    slot: int
    length: int


NOTHING = Match(-1, 0)


class Slots:
    """Free slots, and idle ones with the tokens they hold, the longest unused first."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._free = list(range(decoder.max_slots - 1, -1, -1))
        self._idle: dict[int, list[int]] = {}
        self._long: set[int] = set()  # of the idle ones, those computed as beyond the original context

    @property
    def available(self) -> bool:
        """Whether a sequence can get one."""
        return bool(self._free or self._idle)

    def idle_lengths(self, without: Match = NOTHING) -> list[int]:
        """How many tokens each idle slot holds, except the one that a sequence with this match would take over."""
        taken = without.slot if self._is_whole(without) else -1
        return [len(tokens) for slot, tokens in self._idle.items() if slot != taken]

    def claim(self, sequence: Sequence, match: Match) -> None:
        """Give a sequence a slot with what `match`, which must be of now, says it may take over."""
        slot = self._target(match)
        kept = self._forget(slot)
        try:
            self._fill(slot, match, kept)
        except Exception as error:  # sharing saves time; without it nothing is lost
            log.warning("a prefix could not be taken over", exc_info=error)
            self._decoder.free(slot)
            match = NOTHING
        sequence.slot, sequence.is_long = slot, self.makes_long(sequence)
        sequence.begin_at(match.length)
        sequence.cached = min(match.length, sequence.prompt_length)

    def best(self, sequence: Sequence, running: Iterable[Sequence]) -> Match:
        """The slot that holds most of a sequence's beginning, computed as this one has to be."""
        tokens, most, is_long = sequence.tokens, shareable(sequence), self.makes_long(sequence)
        matches = [
            Match(slot, common(tokens, held, most))
            for slot, held in self._idle.items()
            if (slot in self._long) is is_long
        ]
        matches += [
            Match(other.slot, common(tokens, other.tokens, min(most, other.computed)))
            for other in running
            if other.is_long is is_long
        ]
        best = max(matches, key=lambda match: match.length, default=NOTHING)
        return best if best.length >= SHARED_LEAST else NOTHING

    def makes_long(self, sequence: Sequence) -> bool:
        """Whether a sequence has outgrown the original context: then other rotary factors hold for all of it."""
        original = self._decoder.original_context
        return original is not None and len(sequence.tokens) > original

    def begin_anew(self, sequence: Sequence) -> None:
        """Forget what a running sequence has computed, but not its slot: it becomes a long one."""
        self._decoder.free(sequence.slot)
        sequence.is_long = True
        sequence.begin_at(0, anew=True)

    def keep(self, sequence: Sequence) -> None:
        """Take back the slot of an ended sequence with what it holds."""
        if sequence.computed < SHARED_LEAST:
            self.drop(sequence)
        else:
            self._decoder.truncate(sequence.slot, sequence.computed)  # a wrong guess may stand behind
            self._idle[sequence.slot] = sequence.tokens[: sequence.computed]
            if sequence.is_long:
                self._long.add(sequence.slot)

    def drop(self, sequence: Sequence) -> None:
        """Take back the slot of a sequence, empty."""
        self._decoder.free(sequence.slot)
        self._free.append(sequence.slot)

    def touch(self, match: Match) -> None:
        """Count a matching idle slot as just used, so that others are emptied before it."""
        if (tokens := self._idle.pop(match.slot, None)) is not None:
            self._idle[match.slot] = tokens

    def evict(self) -> bool:
        """Empty the idle slot that was unused the longest; False when there is none."""
        if not self._idle:
            return False
        slot = next(iter(self._idle))
        self._forget(slot)
        self._decoder.free(slot)
        self._free.append(slot)
        return True

    def _forget(self, slot: int) -> list[int] | None:
        """Count a slot as idle no longer; what it held."""
        self._long.discard(slot)
        return self._idle.pop(slot, None)

    def _target(self, match: Match) -> int:
        """The slot to use: the matching one if nothing of it is lost or nothing better is there."""
        if self._is_whole(match):
            return match.slot
        return self._free.pop() if self._free else next(iter(self._idle))

    def _is_whole(self, match: Match) -> bool:
        """Whether the match is all that an idle slot holds."""
        return match.slot in self._idle and len(self._idle[match.slot]) == match.length

    def _fill(self, slot: int, match: Match, kept: list[int] | None) -> None:
        if slot == match.slot:
            if kept is not None and len(kept) > match.length:
                self._decoder.truncate(slot, match.length)
            return
        if kept is not None:
            self._decoder.free(slot)
        if match.length:
            self._decoder.copy(match.slot, slot, match.length)


def shareable(sequence: Sequence) -> int:
    """How much of a sequence may be taken over: there is a piece left to read, whose last token gives the logits."""
    return 0 if sequence.wants_prompt_logits else max(0, len(sequence.tokens) - FEWEST)


def common(tokens: Items[int], others: Items[int], most: int) -> int:
    """How many tokens at the beginning are the same, at most `most`. By halving, as comparing slices is quick."""
    most = min(most, len(tokens), len(others))
    if tokens[:most] == others[:most]:
        return most
    same, different = 0, most
    while different - same > 1:
        middle = (same + different) // 2
        same, different = (
            (middle, different) if tokens[same:middle] == others[same:middle] else (same, middle)
        )
    return same
