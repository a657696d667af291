"""The guard's judgement on heads and bodies, without a server."""

from collections.abc import Callable
from typing import Any

import pytest

from spark_engine.api.errors import TooLarge, WrongMediaType
from spark_engine.api.guard import Disconnected, Limits, check_head, loopback_hosts, read_body
from spark_engine.errors import SparkError

HOST = (b"host", b"127.0.0.1:8910")
LIMITS = Limits(loopback_hosts(8910), max_body=100, timeout_s=1)


def scope(*headers: tuple[bytes, bytes], path: bytes = b"/v1/models") -> dict[str, Any]:
    return {"type": "http", "raw_path": path, "query_string": b"", "headers": list(headers)}


def code_of(call: Callable[[], None]) -> str:
    with pytest.raises(SparkError) as refused:
        call()
    return refused.value.code


def receiver(*messages: dict[str, Any]) -> Any:
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    return receive


def piece(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize("host", [b"127.0.0.1:8910", b"localhost:8910", b"[::1]:8910", b"LocalHost:8910"])
def test_own_names_pass(host: bytes) -> None:
    check_head(scope((b"host", host)), LIMITS)


@pytest.mark.parametrize(
    "host", [b"evil:8910", b"127.0.0.1:8911", b"127.0.0.1:8910@evil", b"127.0.0.1:8910.evil"]
)
def test_other_names_do_not(host: bytes) -> None:
    assert code_of(lambda: check_head(scope((b"host", host)), LIMITS)) == "foreign_host"


def test_exactly_one_host() -> None:
    assert code_of(lambda: check_head(scope(), LIMITS)) == "bad_host"
    assert code_of(lambda: check_head(scope(HOST, HOST), LIMITS)) == "bad_host"


def test_the_owner_s_socket_asks_for_no_host_but_for_the_rest() -> None:
    limits = Limits(None, 100, 1, owner=True)
    check_head(scope(), limits)
    check_head(scope((b"host", b"anything")), limits)
    assert code_of(lambda: check_head(scope((b"origin", b"http://x")), limits)) == "foreign_origin"


def test_one_foreign_origin_among_several_is_foreign() -> None:
    own, foreign = (b"origin", b"http://localhost:8910"), (b"origin", b"https://evil.example")
    check_head(scope(HOST, own), LIMITS)
    assert code_of(lambda: check_head(scope(HOST, own, foreign), LIMITS)) == "foreign_origin"


@pytest.mark.parametrize(
    "kind", [b"application/json", b"Application/JSON ; charset=UTF-8", b'application/json;charset="utf-8"']
)
def test_json_in_utf8_is_a_body(kind: bytes) -> None:
    check_head(scope(HOST, (b"content-length", b"2"), (b"content-type", kind)), LIMITS)


def test_a_request_without_a_body_needs_no_content_type() -> None:
    check_head(scope(HOST, (b"content-length", b"0")), LIMITS)
    assert (
        code_of(lambda: check_head(scope(HOST, (b"content-length", b"1")), LIMITS))
        == "unsupported_media_type"
    )


def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(WrongMediaType):
        check_head(scope(HOST, (b"content-encoding", b"br")), LIMITS)


def test_a_long_path_counts_as_a_large_head() -> None:
    assert code_of(lambda: check_head(scope(HOST, path=b"/" + b"a" * 40_000), LIMITS)) == "headers_too_large"


async def test_a_body_in_pieces_is_put_together() -> None:
    received = await read_body(scope(), receiver(piece(b"ab", True), piece(b"", True), piece(b"c", False)), 3)
    assert received == b"abc"


async def test_a_body_that_grows_beyond_the_limit_is_refused_at_once() -> None:
    pieces = receiver(piece(b"ab", True), piece(b"cd", True))
    with pytest.raises(TooLarge):
        await read_body(scope(), pieces, 3)


async def test_a_body_declared_too_large_is_refused_unread() -> None:
    with pytest.raises(TooLarge):
        await read_body(scope((b"content-length", b"4")), receiver(), 3)


async def test_a_client_that_leaves_in_the_middle_is_noticed() -> None:
    with pytest.raises(Disconnected):
        await read_body(scope(), receiver(piece(b"a", True), {"type": "http.disconnect"}), 3)
