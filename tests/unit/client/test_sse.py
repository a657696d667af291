"""Server-sent events are read alike wherever the network cuts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.client.sse import SseDecoder

STREAM = b': hello\n\ndata: {"a": 1}\n\nevent: x\r\ndata: one\r\ndata:two\r\n\r\n\ndata: \xc3\xa4\r\rdata: last\n\n'
PAYLOADS = [b'{"a": 1}', b"one\ntwo", b"\xc3\xa4", b"last"]


def decode(pieces: list[bytes]) -> list[bytes]:
    decoder = SseDecoder()
    return [payload for piece in pieces for payload in decoder.feed(piece)]


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
def test_a_cut_at_any_byte_changes_nothing(cut: int) -> None:
    assert decode([STREAM[:cut], STREAM[cut:]]) == PAYLOADS


def test_byte_by_byte() -> None:
    assert decode([STREAM[i : i + 1] for i in range(len(STREAM))]) == PAYLOADS


@given(st.lists(st.integers(0, len(STREAM))))
def test_any_cuts(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    assert decode([STREAM[a:b] for a, b in zip(places, places[1:], strict=False)]) == PAYLOADS


def test_an_event_that_is_not_ended_is_held_back() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert decoder.feed(b"\n") == [b"a"]


def test_keep_alives_are_no_events() -> None:
    assert decode([b": keep-alive\n\n", b"id: 7\nretry: 1\n\n", b"data\n\n"]) == []
