"""Tool calls in answers: any cutting gives the same, nothing is lost, and what is no call stays text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.runner.tool_json import JsonExtent
from spark_engine.runner.tool_reader import ToolReader
from spark_engine.runner.tool_styles import GEMMA, HERMES, LLAMA, MISTRAL, MISTRAL_ARGS, PHI, ToolStyle
from spark_engine.types.chat import ToolCallPiece, whole_calls

NAMES = ("add", "get_weather")
ADD = '{"name": "add", "arguments": {"a": 1, "b": "}]<|/tool_call|> \\" {"}}'
ADDED = ("add", {"a": 1, "b": '}]<|/tool_call|> " {'})
RAIN = '{"name":"get_weather","parameters":{"city":"Köln 🦊"}}'
RAINED = ("get_weather", {"city": "Köln 🦊"})
WRITTEN: list[tuple[ToolStyle, str, str, list[Any]]] = [
    (PHI, f"<|tool_call|>[{ADD}]<|/tool_call|>", "", [ADDED]),
    (PHI, f"<|tool_call|>[{ADD}, {RAIN}]<|/tool_call|>", "", [ADDED, RAINED]),
    (PHI, f"Let me see. <|tool_call|> [\n {ADD} \n]\n<|/tool_call|> ", "Let me see. ", [ADDED]),
    (PHI, f"<|tool_call|>{ADD}", "", [ADDED]),
    (PHI, f"functools[{ADD},{RAIN}]", "", [ADDED, RAINED]),
    (PHI, f"\n[{RAIN}]", "", [RAINED]),
    (PHI, RAIN, "", [RAINED]),
    (PHI, f"<|tool_call|>[{ADD}]<|/tool_call|>Done.", "Done.", [ADDED]),
    (HERMES, f"<tool_call>\n{ADD}\n</tool_call>", "", [ADDED]),
    (
        HERMES,
        f"So: <tool_call>\n{ADD}\n</tool_call>\n<tool_call>{RAIN}</tool_call>",
        "So: ",
        [ADDED, RAINED],
    ),
    (MISTRAL, f"[TOOL_CALLS] [{ADD}, {RAIN}]", "", [ADDED, RAINED]),
    (
        MISTRAL_ARGS,
        '[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]add[ARGS]{}',
        "",
        [("add", {"a": 1}), ("add", {})],
    ),
    (LLAMA, RAIN, "", [RAINED]),
    (LLAMA, f"<|python_tag|>{RAIN}", "", [RAINED]),
    (GEMMA, f"```tool_code\n{RAIN}\n```", "", [RAINED]),
    (GEMMA, f"```json\n{RAIN}\n```", "", [RAINED]),
]
PLAIN = [
    "",
    "Hello, how are you?",
    "  spaces  ",
    "a < b <| c <|tool_ and functools and <tool_ca",
    "import functools",
    "{",
    '{"name": "add"',
    '{"name": "unknown", "arguments": {}}',
    '[{"name": 5}]',
    '{"city": "Paris"}',
    "[1, 2, 3]",
    "<|tool_call|>not json",
    "<|tool_call|>[]<|/tool_call|>",
    '<|tool_call|>[{"name": "unknown", "arguments": {}}]<|/tool_call|>',
    '<|tool_call|>[{"arguments": {}}]',
    "<|tool_call|>" + "[" * 5000,
    "functools[x]",
    "```json\n[1]\n```",
]


def read(
    style: ToolStyle, pieces: list[str]
) -> tuple[str, list[tuple[str, Any]], list[ToolCallPiece], ToolReader]:
    reader = ToolReader(style, NAMES)
    texts, calls = [], []
    taken = 0
    for number, piece in enumerate([*pieces, None]):
        told = reader.finish() if piece is None else reader.feed(piece)
        taken += len(piece or "")
        texts.append(told.text)
        calls += told.calls
        assert 0 <= reader.held <= taken, number
    found = [(c.name, json.loads(c.arguments)) for c in whole_calls(calls)]
    return "".join(texts), found, calls, reader


def cut(whole: str, cuts: list[int]) -> list[str]:
    places = [0, *sorted(min(c, len(whole)) for c in cuts), len(whole)]
    return [whole[a:b] for a, b in zip(places, places[1:], strict=False)]


@given(st.sampled_from(WRITTEN), st.lists(st.integers(0, 150), max_size=12))
def test_any_cutting_gives_the_same(written: Any, cuts: list[int]) -> None:
    style, whole, text, calls = written
    assert read(style, cut(whole, cuts))[:2] == (text, calls)
    assert read(style, list(whole))[:2] == (text, calls)


@given(st.sampled_from(PLAIN), st.sampled_from([PHI, GEMMA]), st.lists(st.integers(0, 60), max_size=8))
def test_what_is_no_call_stays_text(whole: str, style: ToolStyle, cuts: list[int]) -> None:
    assert read(style, cut(whole, cuts))[:2] == (whole, [])


@given(
    st.lists(
        st.sampled_from(
            ["<", "|", "tool_call", ">", "[", "{", '"name"', ":", '"add"', ",", " ", "x", "functools"]
        ),
        max_size=25,
    )
)
def test_no_text_is_lost_without_a_whole_head(pieces: list[str]) -> None:
    assert read(PHI, pieces)[:2] == ("".join(pieces), [])


def test_calls_are_told_while_they_are_written() -> None:
    reader = ToolReader(PHI, NAMES)
    assert reader.feed('<|tool_call|>[{"name": "add", "argu') == ("", ())
    (head,) = reader.feed('ments": ').calls
    assert (head.index, head.name, head.arguments) == (0, "add", "")
    assert head.id.startswith("call-")
    assert reader.feed('{"a"').calls == (ToolCallPiece(0, arguments='{"a"'),)
    assert reader.feed(": 1}}").calls == (ToolCallPiece(0, arguments=": 1}"),)
    assert reader.feed("]<|/tool").calls == ()
    assert reader.finish() == ("", ())


def test_a_call_that_is_cut_short_stays_as_far_as_it_came() -> None:
    reader = ToolReader(PHI, NAMES)
    told, rest = reader.feed('<|tool_call|>[{"name": "add", "arguments": {"a": 1'), reader.finish()
    (call,) = whole_calls([*told.calls, *rest.calls])
    assert (told.text + rest.text, call.name, call.arguments) == ("", "add", '{"a": 1')


def test_text_is_held_no_longer_than_it_may_be_a_call() -> None:
    reader = ToolReader(PHI, NAMES)
    assert reader.feed("Hi <|tool").text == "Hi "
    assert reader.held == len("<|tool")
    assert reader.feed("s are nice").text == "<|tools are nice"
    assert reader.held == 0


def test_where_a_call_begins_is_known_for_the_grammar() -> None:
    opened, bare = ToolReader(PHI, NAMES), ToolReader(PHI, NAMES)
    opened.feed("I say <|tool_call|>")
    assert opened.call_text == ""
    opened.feed("[{")
    assert opened.call_text == "[{"
    bare.feed(' [{"name": "add", "arg')
    assert bare.call_text is None, "it may still be anything"
    bare.feed('uments": {"')
    assert bare.call_text == '[{"name": "add", "arguments": {"'


@pytest.mark.parametrize(
    ("style", "length"), [(PHI, None), (MISTRAL, 9)], ids=lambda value: getattr(value, "name", "")
)
def test_ids_are_as_the_model_s_template_wants_them(style: ToolStyle, length: int | None) -> None:
    ids = {style.new_id() for _ in range(50)}
    assert len(ids) == 50
    if length:
        assert all(len(id) == length and id.isalnum() for id in ids)
        assert style.known_id("call-123") == style.known_id("call-123") != style.known_id("call-124")
        assert len(style.known_id("call-123")) == length
        assert style.known_id("abcdef123") == "abcdef123"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(json_values, st.lists(st.integers(0, 80), max_size=6), st.booleans())
def test_the_end_of_a_value_is_found_wherever_it_is_cut(value: Any, cuts: list[int], ascii: bool) -> None:
    whole = json.dumps(value, ensure_ascii=ascii)
    extent, taken = JsonExtent(), 0
    for piece in cut(whole + ', "}]', cuts):
        length, ended = extent.feed(piece)
        taken += length
        if ended:
            break
        assert length == len(piece)
    assert taken == len(whole)
