"""Tool calls are found however the answer is cut into pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.api.tool_calls import OPENING, ToolCallReader, parse_calls

CALL = '<|tool_call|>[{"name": "add", "arguments": {"a": 1, "b": "x"}}]<|/tool_call|>'


def read(pieces: list[str]) -> tuple[str, list[tuple[str, dict[str, object]]]]:
    reader = ToolCallReader()
    text = "".join(map(reader.feed, pieces))
    rest, calls = reader.finish()
    return text + rest, [(c.name, json.loads(c.arguments)) for c in calls]


@given(
    st.lists(st.integers(0, 120), max_size=8), st.sampled_from(["", "Let me add. ", "a < b <| c <|tool_ "])
)
def test_any_cutting_gives_the_same(cuts: list[int], before: str) -> None:
    whole = before + CALL
    places = [0, *sorted(min(c, len(whole)) for c in cuts), len(whole)]
    pieces = [whole[a:b] for a, b in zip(places, places[1:], strict=False)]
    assert read(pieces) == (before, [("add", {"a": 1, "b": "x"})])


@given(st.lists(st.text(alphabet="<|tool_call>ab", max_size=6), max_size=10))
def test_text_without_a_whole_marker_is_never_lost(pieces: list[str]) -> None:
    whole = "".join(pieces)
    if OPENING not in whole:
        assert read(pieces) == (whole, [])


@pytest.mark.parametrize(
    "text", ["", "nonsense", "5", "[]", "[5]", '[{"arguments": {}}]', '{"name": 5}', "[" * 5000]
)
def test_what_is_no_call_is_text(text: str) -> None:
    assert parse_calls(text) == ()
    assert read([OPENING + text]) == (OPENING + text, [])


def test_the_forms_models_use() -> None:
    assert [c.name for c in parse_calls('{"name": "one"}')] == ["one"]
    assert [c.name for c in parse_calls('[{"name": "one"}, {"name": "two", "parameters": {"x": 1}}]')] == [
        "one",
        "two",
    ]
    assert parse_calls('[{"name": "f", "parameters": {"x": 1}}]')[0].arguments == '{"x":1}'


def test_a_call_cut_short_by_the_end_still_counts() -> None:
    assert read(['<|tool_call|>[{"name": "f"}]']) == ("", [("f", {})])
