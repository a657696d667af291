"""The switch of rotary factors: whatever happens to a slot, all of it is computed with the factors of its length."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.backends.base import Logits, SlotInput
from spark_engine.backends.rope_switch import RopeSwitch, by_side, forward_across

ORIGINAL = 10
SLOTS = 3

Cell = tuple[int, bool]  # a token, and whether the long factors computed it


class Slots:
    """Remembers with which factors each token was computed; its logits are that, for every token of the slot."""

    def __init__(self, original: int | None = ORIGINAL) -> None:
        self.switch = RopeSwitch(original)
        self.cells: list[list[Cell]] = [[] for _ in range(SLOTS)]
        self.computed = 0

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        return forward_across(self.switch, batch, self._forward)

    def _forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        work = [self.switch.enter(entry) for entry in batch]
        for group in by_side(self.switch, work):
            assert len({self.switch.is_long(entry.slot) for entry in group}) == 1
            for entry in group:
                self._compute(entry)
        return [self._logits(entry) for entry in work]

    def _compute(self, entry: SlotInput) -> None:
        side = self.switch.is_long(entry.slot)
        del self.cells[entry.slot][entry.position :]
        assert len(self.cells[entry.slot]) == entry.position
        self.cells[entry.slot] += [(token, side) for token in entry.tokens]
        self.computed += len(entry.tokens)

    def _logits(self, entry: SlotInput) -> Logits | None:
        """For each wanted place how many tokens stand before it, negative when the long factors computed them."""
        if not entry.wants_logits:
            return None
        sides = {side for _, side in self.cells[entry.slot]}
        assert len(sides) == 1, "one sequence, two kinds of factors"
        end = len(self.cells[entry.slot])
        rows = [[-n if True in sides else n] for n in range(end - entry.last + 1, end + 1)]
        return np.array(rows[0] if entry.last == 1 else rows, np.float32)

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        self.switch.copy(slot_from, slot_to, length)
        self.cells[slot_to] = self.cells[slot_from][:length]

    def truncate(self, slot: int, length: int) -> None:
        self.switch.truncate(slot, length)
        del self.cells[slot][length:]

    def free(self, slot: int) -> None:
        self.switch.free(slot)
        self.cells[slot] = []

    def put(self, slot: int, count: int, last: int = 1) -> list[int]:
        entry = SlotInput(slot, len(self.cells[slot]), list(range(count)), True, last)
        (logits,) = self.forward([entry])
        assert logits is not None
        return [int(number) for number in logits.reshape(-1)]


def told(lengths: Sequence[int]) -> list[int]:
    """The logits that are right after so many tokens."""
    return [-length if length > ORIGINAL else length for length in lengths]


MOVES = st.one_of(
    st.tuples(st.just("put"), st.integers(0, SLOTS - 1), st.integers(1, 14), st.integers(1, 14)),
    st.tuples(st.just("truncate"), st.integers(0, SLOTS - 1), st.integers(0, 20)),
    st.tuples(st.just("copy"), st.integers(0, SLOTS - 1), st.integers(0, SLOTS - 1), st.integers(0, 20)),
    st.tuples(st.just("free"), st.integers(0, SLOTS - 1)),
)


@given(st.lists(MOVES, max_size=30))
def test_any_history_ends_with_the_right_factors(moves: list[tuple[str, int, int, int]]) -> None:
    slots = Slots()
    for kind, slot, *more in moves:
        held = [len(cells) for cells in slots.cells]
        if kind == "put":
            count, last = more[0], min(more)
            end = held[slot] + count
            assert slots.put(slot, count, last) == told(range(end - last + 1, end + 1))
        elif kind == "truncate":
            slots.truncate(slot, min(more[0], held[slot]))
        elif kind == "copy" and more[0] != slot and held[slot]:
            slots.free(more[0])
            slots.copy(slot, more[0], min(more[1], held[slot]))
        elif kind == "free":
            slots.free(slot)


def test_a_step_with_slots_on_both_sides() -> None:
    slots = Slots()
    slots.put(0, 4)
    slots.put(1, 10)
    slots.put(2, 12)
    batch = [SlotInput(slot, len(slots.cells[slot]), [7], True) for slot in range(SLOTS)]
    assert [int(row[0]) for row in slots.forward(batch) if row is not None] == told([5, 11, 13])


def test_what_stays_on_its_side_is_computed_once() -> None:
    slots = Slots()
    for _ in range(ORIGINAL):
        slots.put(0, 1)
    assert slots.computed == ORIGINAL
    slots.put(0, 1)
    assert slots.computed == ORIGINAL + ORIGINAL + 1
    slots.put(0, 1)
    assert slots.computed == ORIGINAL + ORIGINAL + 2


def test_a_context_without_a_switch_remembers_nothing() -> None:
    slots = Slots(None)
    entry = SlotInput(0, 0, [1, 2, 3], True)
    assert slots.switch.enter(entry) is entry
    assert slots.switch.head(entry) is entry
    assert not slots.switch._tokens
