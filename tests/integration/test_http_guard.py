"""The guard against raw sockets: what is not a plain local request gets a clear refusal, and nothing hangs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest

from tests.support.scripted_engine import Api, config_with, serving

CHAT = "POST /v1/chat/completions HTTP/1.1"
JSON = "content-type: application/json"
BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    config = config_with(server_request_timeout_s=1, server_max_body_mb=1)
    async with serving(config=config, head_timeout_s=0.3) as api:
        yield api


def head(api: Api, line: str, *headers: str, host: str = "127.0.0.1:{port}") -> bytes:
    lines = [line, f"host: {host.format(port=api.port)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def exchange(api: Api, *pieces: bytes, pause_s: float = 0.0) -> tuple[int, dict[str, object]]:
    """Status and error of the reply to raw bytes; (0, {}) when the connection is cut without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        received = await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return 0, {}
    finally:
        writer.close()
    status = int(received.split(b" ", 2)[1]) if received else 0
    body = received.partition(b"\r\n\r\n")[2]
    return status, json.loads(body).get("error", {}) if body.startswith(b"{") else {}


async def test_a_plain_request_passes(api: Api) -> None:
    status, _ = await exchange(api, head(api, "GET /health HTTP/1.1", "connection: close"))
    assert status == 200


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}", "LOCALHOST:{port}"])
async def test_names_of_this_machine_are_served(api: Api, host: str) -> None:
    request = head(api, "GET /health HTTP/1.1", "connection: close", host=host)
    assert (await exchange(api, request))[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost",
        "0.0.0.0:{port}",
        "",
        "a b",
    ],
)
async def test_any_other_host_is_foreign(api: Api, host: str) -> None:
    status, error = await exchange(api, head(api, "GET /health HTTP/1.1", host=host))
    assert status == 403
    assert error["code"] == "foreign_host"


async def test_two_hosts_and_no_host_are_refused(api: Api) -> None:
    own = f"host: 127.0.0.1:{api.port}"
    for request in (head(api, "GET /health HTTP/1.1", own), b"GET /health HTTP/1.0\r\n\r\n"):
        status, error = await exchange(api, request)
        assert status == 400
        assert error["code"] in ("bad_host", "bad_http")


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/health", "http://evil.example/health", "*", "evil:80"]
)
async def test_only_paths_are_targets(api: Api, target: str) -> None:
    status, error = await exchange(api, head(api, f"GET {target.format(port=api.port)} HTTP/1.1"))
    assert status == 400
    assert error["code"] == "bad_target"


@pytest.mark.parametrize(
    "header",
    [
        "origin: https://evil.example",
        "origin: null",
        "origin: http://localhost:3000",
        "origin: https://127.0.0.1:{port}",
        "sec-fetch-site: cross-site",
        "sec-fetch-site: same-site",
    ],
)
async def test_pages_from_elsewhere_are_refused(api: Api, header: str) -> None:
    for line in ("GET /v1/models HTTP/1.1", CHAT):
        status, error = await exchange(api, head(api, line, header.format(port=api.port)))
        assert status == 403
        assert error["code"] == "foreign_origin"


@pytest.mark.parametrize(
    "header",
    ["origin: http://127.0.0.1:{port}", "origin: http://localhost:{port}", "sec-fetch-site: same-origin"],
)
async def test_spark_s_own_pages_are_served(api: Api, header: str) -> None:
    request = head(api, "GET /docs HTTP/1.1", header.format(port=api.port), "connection: close")
    assert (await exchange(api, request))[0] == 200


@pytest.mark.parametrize(
    "kind",
    [
        "content-type: text/plain",
        "content-type: application/x-www-form-urlencoded",
        "content-type: application/json; charset=utf-16",
        "content-type: application/jsonp",
        "x-none: 1",
        "content-type: application/json\r\ncontent-encoding: gzip",
    ],
)
async def test_bodies_are_plain_json(api: Api, kind: str) -> None:
    status, _ = await exchange(api, head(api, CHAT, kind, f"content-length: {len(BODY)}") + BODY)
    assert status == 415


async def test_length_and_chunks_together_are_ambiguous(api: Api) -> None:
    smuggled = b"0\r\n\r\nGET /spark/v1/state HTTP/1.1\r\n\r\n"
    request = head(api, CHAT, JSON, "content-length: 4", "transfer-encoding: chunked") + smuggled
    status, error = await exchange(api, request)
    assert status == 400
    assert error["code"] == "bad_framing"


async def test_two_lengths_are_refused(api: Api) -> None:
    request = head(api, CHAT, JSON, "content-length: 4", "content-length: 5") + b"12345"
    assert (await exchange(api, request))[0] == 400


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, identity", "xchunked"])
async def test_only_plain_chunks_are_read(api: Api, coding: str) -> None:
    status, _ = await exchange(api, head(api, CHAT, JSON, f"transfer-encoding: {coding}") + b"0\r\n\r\n")
    assert status == 400


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\r\n\r\nx\r\n\r\n"]
)
async def test_what_is_not_http_is_refused(api: Api, garbage: bytes) -> None:
    status, error = await exchange(api, garbage)
    assert status in (400, 408)
    assert error["code"] in ("bad_http", "request_timeout", "bad_host", "bad_target")


async def test_a_megabyte_of_headers_is_not_read(api: Api) -> None:
    request = head(api, "GET /health HTTP/1.1", "x-long: " + "a" * 1024**2)
    assert (await exchange(api, request))[0] in (0, 400, 431)
    many = head(api, "GET /health HTTP/1.1", *(f"x-{n}: 1" for n in range(200)))
    status, error = await exchange(api, many)
    assert status == 431
    assert error["code"] == "headers_too_large"


async def test_a_head_just_under_the_wire_s_limit_is_judged_by_the_guard(api: Api) -> None:
    status, error = await exchange(api, head(api, "GET /health HTTP/1.1", "x-long: " + "a" * 40_000))
    assert status in (400, 431)
    assert error["code"] in ("bad_http", "headers_too_large")


@pytest.mark.parametrize("start", [b"", b"GET /hea", b"GET /health HTTP/1.1\r\nhost: 127"])
async def test_a_head_that_never_ends_is_cut_off(api: Api, start: bytes) -> None:
    began = time.monotonic()
    status, error = await exchange(api, start) if start else await exchange(api)
    assert time.monotonic() - began < 2
    assert status == 408
    assert error["code"] == "request_timeout"


async def test_a_head_that_trickles_gains_no_time(api: Api) -> None:
    began = time.monotonic()
    letters = [bytes([b]) for b in b"GET /health HTTP/1.1\r\nx-slow: " + b"a" * 100]
    await exchange(api, *letters, pause_s=0.02)
    assert time.monotonic() - began < 4
    assert not api.listener._state.connections


async def test_half_a_body_is_cut_off(api: Api) -> None:
    began = time.monotonic()
    status, error = await exchange(api, head(api, CHAT, JSON, "content-length: 100"), b'{"model"')
    assert 0.9 < time.monotonic() - began < 4
    assert status == 408
    assert error["code"] == "request_timeout"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_beyond_the_limit_is_refused_with_the_limit(api: Api, chunked: bool) -> None:
    size = 10 * 1024**2
    framing = "transfer-encoding: chunked" if chunked else f"content-length: {size}"
    body = b"%x\r\n" % size + b" " * size + b"\r\n0\r\n\r\n" if chunked else b" " * size
    status, error = await exchange(api, head(api, CHAT, JSON, framing), body)
    assert status == 413
    assert "1 MB" in str(error["message"])
    assert "server.max_body_mb" in str(error["remedy"])


async def test_a_sender_that_asks_first_does_not_have_to_send(api: Api) -> None:
    request = head(api, CHAT, JSON, f"content-length: {10**9}", "expect: 100-continue")
    assert (await exchange(api, request))[0] == 413


async def test_a_body_in_chunks_is_read(api: Api) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (BODY[:10], BODY[10:])) + b"0\r\n\r\n"
    request = head(api, CHAT, JSON, "transfer-encoding: chunked", "connection: close") + chunks
    assert (await exchange(api, request))[0] == 200


async def test_a_broken_chunk_in_a_request_under_way_is_refused(api: Api) -> None:
    request = head(api, CHAT, JSON, "transfer-encoding: chunked")
    status, error = await exchange(api, request, b"4\r\nab", b"cdXX5\r\n", pause_s=0.05)
    assert status == 400
    assert error["code"] == "bad_http"


async def test_an_upgrade_is_not_taken_up(api: Api) -> None:
    upgrade = ("connection: upgrade, close", "upgrade: websocket", "sec-websocket-version: 13")
    status, _ = await exchange(api, head(api, "GET /health HTTP/1.1", *upgrade, "sec-websocket-key: eA=="))
    assert status == 200


async def test_requests_in_a_row_on_one_connection_are_all_answered(api: Api) -> None:
    one = head(api, CHAT, JSON, f"content-length: {len(BODY)}") + BODY
    last = head(api, "GET /health HTTP/1.1", "connection: close")
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(one + one + last)
    received = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert received.count(b"Hello there") == 2


async def test_more_connections_than_allowed_are_told_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_engine.api.wire.MAX_CONNECTIONS", 1)
    _, holding = await asyncio.open_connection("127.0.0.1", api.port)
    await asyncio.sleep(0.05)
    status, error = await exchange(api)
    holding.close()
    assert status == 503
    assert error["code"] == "too_many_connections"
