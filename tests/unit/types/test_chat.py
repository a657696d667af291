"""Pieces of tool calls: joined as often as one likes, they are the same calls."""

from hypothesis import given
from hypothesis import strategies as st

from spark_engine.types.chat import ToolCall, ToolCallPiece, join_pieces, whole_calls
from spark_engine.types.generation import Delta, merge_deltas

written = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=3), st.lists(st.text(max_size=4), max_size=4)), max_size=4
)


def pieces_of(calls: list[tuple[str, list[str]]]) -> list[ToolCallPiece]:
    """As a runner tells them: first id and name, then arguments."""
    return [
        piece
        for index, (name, parts) in enumerate(calls)
        for piece in (
            ToolCallPiece(index, f"id{index}", name),
            *(ToolCallPiece(index, arguments=p) for p in parts),
        )
    ]


@given(written, st.integers(0, 20))
def test_merged_deltas_hold_the_same_calls(calls: list[tuple[str, list[str]]], cut: int) -> None:
    pieces = pieces_of(calls)
    expected = tuple(ToolCall(f"id{n}", name, "".join(parts)) for n, (name, parts) in enumerate(calls))
    assert whole_calls(pieces) == expected
    first, second = Delta("a", (1,), calls=tuple(pieces[:cut])), Delta("b", (2,), calls=tuple(pieces[cut:]))
    merged = merge_deltas(first, second)
    assert (merged.text, merged.tokens) == ("ab", (1, 2))
    assert whole_calls(merged.calls) == expected
    assert len(join_pieces(pieces)) == len(calls)


def test_a_delta_without_calls_changes_none() -> None:
    calls = (ToolCallPiece(0, "c", "f"),)
    assert merge_deltas(Delta("a", calls=calls), Delta("b")).calls == calls
    assert merge_deltas(Delta("a"), Delta("b", calls=calls)).calls == calls
