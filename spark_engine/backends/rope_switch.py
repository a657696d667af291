"""The switch of long-rope models: sequences up to the original context use one set of rotary factors, longer ones
another.

The factors hold for all positions of a sequence, and what its later layers remember depends on them. So a sequence
that grows beyond the original context, or is cut back below it, is computed anew from its first token, as
transformers' `generate` does.
"""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec.structs import replace

from spark_engine.backends.base import Logits, SlotInput


class RopeSwitch:
    """Which factors computed what each slot holds, and its tokens, to compute them again with the others.

    `original` is the longest sequence with short factors; None when the loaded context has no switch in it.
    """

    def __init__(self, original: int | None = None) -> None:
        self._original = original
        self._tokens: dict[int, list[int]] = {}
        self._long: set[int] = set()

    def makes_long(self, length: int) -> bool:
        """Whether a sequence of so many tokens is computed with the long factors."""
        return self._original is not None and length > self._original

    def is_long(self, slot: int) -> bool:
        """Whether a slot is computed with the long factors."""
        return slot in self._long

    @property
    def any_long(self) -> bool:
        """Whether any slot is computed with the long factors."""
        return bool(self._long)

    def enter(self, entry: SlotInput) -> SlotInput:
        """What to compute for an entry: itself, or its whole sequence from position 0 on when that changes factors.

        The slot then has the entry's tokens and side. Its past must be dropped when the answer starts at 0.
        """
        if self._original is None:
            return entry
        past = self._tokens.get(entry.slot, [])
        tokens = [*past, *entry.tokens]
        is_long = self.makes_long(max(len(tokens), entry.reach))
        is_whole = bool(past) and is_long != (entry.slot in self._long)
        self._tokens[entry.slot] = tokens
        (self._long.add if is_long else self._long.discard)(entry.slot)
        return replace(entry, position=0, tokens=tokens) if is_whole else entry

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """The first `length` positions of one slot became those of another, with the factors they have."""
        if self._original is None:
            return
        self._tokens[slot_to] = self._tokens[slot_from][:length]
        (self._long.add if slot_from in self._long else self._long.discard)(slot_to)

    def truncate(self, slot: int, length: int) -> None:
        """A slot forgot its positions from `length` on."""
        if slot in self._tokens:
            del self._tokens[slot][length:]

    def free(self, slot: int) -> None:
        """A slot forgot everything."""
        self._tokens.pop(slot, None)
        self._long.discard(slot)

    def head(self, entry: SlotInput) -> SlotInput:
        """The part of an entry that must be a step of its own: logits on both sides are wanted of it; else all."""
        if self._original is None or max(entry.position, entry.reach - 1) >= self._original:
            return entry
        beyond = entry.position + len(entry.tokens) - self._original
        if not entry.wants_logits or not 0 < beyond < entry.last:
            return entry
        return replace(entry, tokens=entry.tokens[:-beyond], last=entry.last - beyond)


def forward_across(
    switch: RopeSwitch,
    batch: Sequence[SlotInput],
    forward: Callable[[Sequence[SlotInput]], list[Logits | None]],
) -> list[Logits | None]:
    """A decoder's step: entries that want logits on both sides of the switch are continued after it."""
    heads = [switch.head(entry) for entry in batch]
    told = forward(heads)
    for place, (entry, head) in enumerate(zip(batch, heads, strict=True)):
        if head is not entry:
            done = len(head.tokens)
            rest = replace(
                entry,
                position=entry.position + done,
                tokens=entry.tokens[done:],
                last=len(entry.tokens) - done,
            )
            told[place] = np.vstack([row for row in (told[place], *forward([rest])) if row is not None])
    return told


def by_side(switch: RopeSwitch, batch: Sequence[SlotInput]) -> list[list[SlotInput]]:
    """The batch in groups that may share a run: all with the same factors, none empty."""
    sides = [[entry for entry in batch if switch.is_long(entry.slot) is side] for side in (False, True)]
    return [group for group in sides if group]
