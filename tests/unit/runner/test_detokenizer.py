"""Text as it comes: whole characters only, stop strings wherever the tokens are cut."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.runner.answer import Answer
from spark_engine.runner.detokenizer import Detokenizer

TEXTS = (
    "plain",
    "über",
    "€uro",
    "日本語",
    "🙂🙃",
    "e\u0301 combined",
    "\ufeffbom",
    "a\u0000b",
    "👩\u200d👩\u200d👧",
)


def told(pieces: Sequence[bytes], stop: tuple[str, ...] = (), *, strip_space: bool = False) -> list[str]:
    """What each push gave, and the flush."""
    detokenizer = Detokenizer(lambda token: pieces[token], stop, strip_space=strip_space)
    given = []
    for token in range(len(pieces)):
        given.append(detokenizer.push(token))
        if detokenizer.stopped:
            return given
    return [*given, detokenizer.flush()]


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(set(places)), len(data)]
    return [data[begin:end] for begin, end in zip(edges, edges[1:], strict=False)]


@pytest.mark.parametrize("text", TEXTS)
def test_every_way_to_cut_a_text_in_three_gives_the_text(text: str) -> None:
    data = text.encode()
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            parts = told(cut(data, [first, second]))
            assert "".join(parts) == text
            assert "\ufffd" not in "".join(parts)


@given(st.text(max_size=30), st.data())
def test_any_text_cut_anywhere(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    places = data.draw(st.lists(st.integers(0, len(raw)), max_size=8))
    assert "".join(told(cut(raw, places))) == text


@given(st.binary(max_size=40), st.data())
def test_broken_bytes_give_what_decoding_at_once_gives(raw: bytes, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(raw)), max_size=8))
    assert "".join(told(cut(raw, places))) == raw.decode(errors="replace")


def test_an_unfinished_character_at_the_end_is_shown_as_such() -> None:
    assert told([b"a", b"\xe2\x82"]) == ["a", "", "\ufffd"]


def test_one_leading_space_is_dropped_where_asked() -> None:
    assert told([b"", b" Hello", b" you"], strip_space=True) == ["", "Hello", " you", ""]
    assert told([b"  Hi"], strip_space=True)[0] == " Hi"


def test_text_that_could_begin_a_stop_string_is_held_back() -> None:
    assert told([b"on", b"e S", b"T", b"ARt"], ("STOP",)) == ["on", "e ", "", "STARt", ""]
    assert told([b"a STO", b"x"], ("STOP",)) == ["a ", "STOx", ""]
    assert told([b"a STO"], ("STOP",)) == ["a ", "STO"]


def test_the_earliest_stop_string_wins() -> None:
    assert told([b"one two three"], ("three", "two")) == ["one "]


def test_nothing_comes_after_a_stop_string() -> None:
    detokenizer = Detokenizer(lambda token: b"x END y", ("END",))
    assert detokenizer.push(0) == "x "
    assert detokenizer.stopped
    assert detokenizer.flush() == ""


def test_a_stop_string_does_not_count_too_early() -> None:
    detokenizer = Detokenizer(lambda token: [b"END ", b"and END"][token], ("END",))
    assert detokenizer.push(0, may_stop=False) == "END "
    assert detokenizer.push(1) == "and "


@given(
    st.text(alphabet="ab€🙂", max_size=25),
    st.lists(st.text(alphabet="ab€🙂", min_size=1, max_size=4), min_size=1, max_size=3),
    st.data(),
)
def test_stop_strings_across_any_border(text: str, stops: list[str], data: st.DataObject) -> None:
    raw = text.encode()
    pieces = cut(raw, data.draw(st.lists(st.integers(0, len(raw)), max_size=10)))
    # The text up to where a stop string is first complete, and of those the one that begins first.
    ends = [(place + len(stop), place) for stop in stops if (place := text.find(stop)) >= 0]
    parts = told(pieces, tuple(stops))
    joined = "".join(parts)
    if not ends:
        assert joined == text
        return
    assert text.startswith(joined)
    assert not any(stop in joined for stop in stops)
    assert any(text[len(joined) :].startswith(stop) for stop in stops)


def test_tokens_are_told_when_the_last_of_their_text_is() -> None:
    pieces = [b"one S", b"TO", b"x", b"\xe2\x82", b"\xac"]
    answer = Answer("a", Detokenizer(lambda token: pieces[token], ("STOP",)))
    deltas = []
    for token in range(5):
        answer.push(token, None, may_stop=True)
        delta = answer.release(final=token == 4)
        deltas.append((delta.text, delta.tokens) if delta else None)
    assert deltas == [("one ", ()), None, ("STOx", (0, 1, 2)), None, ("€", (3, 4))]


def test_tokens_of_a_stop_string_are_not_told() -> None:
    pieces = [b"one", b" S", b"TOP", b"!"]
    answer = Answer("a", Detokenizer(lambda token: pieces[token], ("STOP",)))
    tokens: list[int] = []
    for token in range(3):
        answer.push(token, None, may_stop=True)
        delta = answer.release(final=answer.stopped)
        tokens += delta.tokens if delta else ()
    assert answer.stopped
    assert tokens == [0, 1]
