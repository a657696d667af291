"""What a server's head may claim and what of it is believed: only bytes at the place where they belong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from spark_engine.catalog.download.ranges import Head, request_headers, starting_point
from spark_engine.catalog.hub.failures import Interrupted

SIZE = 100
REST = Head(206, 60, "bytes 40-99/100", '"v1"')


@st.composite
def heads(draw: st.DrawFn) -> tuple[Head, int, int]:
    """A head of any kind, close to right ones; where its body really begins and ends."""
    near = st.integers(-1, 102)
    first, last = draw(near), draw(near)
    total = draw(st.sampled_from(["100", "*", "101", "x"]))
    length = draw(st.none() | st.just(last - first + 1) | near)
    etag = draw(st.sampled_from(["", '"v1"', '"v2"']))
    status = draw(st.sampled_from([200, 204, 206, 206, 206, 416, 500]))
    return Head(status, length, f"bytes {first}-{last}/{total}", etag), first, last


@given(heads(), st.integers(0, 99), st.sampled_from(["", '"v1"']))
def test_a_body_is_put_only_where_it_belongs(answer: tuple[Head, int, int], offset: int, etag: str):
    head, first, last = answer
    try:
        start = starting_point(head, offset, SIZE, etag, "model.onnx")
    except Interrupted:
        return
    if start is None:
        assert offset > 0
        return
    if head.status == 200:
        assert start == 0 and head.length in (None, SIZE)
    else:
        assert head.status == 206 and start == offset == first <= last < SIZE
        assert head.length in (None, last - first + 1)
        assert not etag or head.etag in ("", etag)


def test_the_rest_goes_on_and_the_whole_begins_anew():
    assert starting_point(REST, 40, SIZE, '"v1"', "x") == 40
    assert starting_point(Head(200, SIZE), 40, SIZE, '"v1"', "x") == 0
    assert starting_point(Head(200, None), 0, SIZE, "", "x") == 0


def test_bytes_of_another_version_are_not_kept():
    assert starting_point(replace(REST, etag='"v2"'), 40, SIZE, '"v1"', "x") is None
    assert starting_point(Head(416), 40, SIZE, "", "x") is None


@pytest.mark.parametrize(
    "head",
    [
        replace(REST, content_range="bytes 0-99/100"), replace(REST, content_range="bytes 41-99/100", length=59),
        replace(REST, content_range="bytes 40-100/101"), replace(REST, content_range="bytes 40-99/99"),
        replace(REST, content_range=""), replace(REST, length=59), replace(REST, content_range="bytes 50-40/100"),
        Head(200, 99), Head(200, 101), Head(204), Head(416), replace(REST, encoding="gzip"),
        Head(200, SIZE, kind="text/html; charset=utf-8"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(head: Head):
    with pytest.raises(Interrupted):
        starting_point(head, 0 if head.status == 416 else 40, SIZE, '"v1"', "model.onnx")


def test_a_web_page_is_welcome_where_one_is_wanted():
    assert starting_point(Head(200, SIZE, kind="text/html"), 0, SIZE, "", "page.html") == 0


def test_only_a_strong_name_guards_a_range():
    assert request_headers(0, '"v1"') == {}
    assert request_headers(7, '"v1"') == {"Range": "bytes=7-", "If-Range": '"v1"'}
    assert request_headers(7, 'W/"v1"') == request_headers(7, "") == {"Range": "bytes=7-"}
