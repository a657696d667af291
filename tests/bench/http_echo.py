"""What HTTP and pipe cost when the model costs nothing: the echo model, whose tokens are free.

    python -m tests.bench.http_echo [--requests 200] [--words 400]

Prints the time to the first text of a streamed answer, the time of a whole answer, and streamed tokens per second
(merged: a reader slower than the model gets several tokens in one chunk).
"""

import argparse
import socket
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec

from tests.support.served import Served, serve

MODEL = "echo:plain"


def first_text_ms(served: Served, client: httpx.Client) -> float:
    """One streamed answer: milliseconds from sending the request to the first chunk with text."""
    began = time.perf_counter()
    with client.stream("POST", "/v1/chat/completions", json=_body("hello", True)) as reply:
        seen = b""
        for piece in reply.iter_raw():
            seen += piece
            if b'"content":"h' in seen:
                return (time.perf_counter() - began) * 1000
    raise AssertionError("no text came")


def whole_ms(served: Served, client: httpx.Client) -> float:
    """One answer as a whole, in milliseconds."""
    began = time.perf_counter()
    client.post("/v1/chat/completions", json=_body("hello", False)).raise_for_status()
    return (time.perf_counter() - began) * 1000


def streamed(served: Served, words: int) -> tuple[float, int, int]:
    """One long answer read from a raw socket: seconds, tokens and chunks."""
    body = msgspec.json.encode(_body("word " * words, True))
    address = urlsplit(served.address)
    with socket.create_connection((address.hostname or "", address.port or 0)) as sock:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        began = time.perf_counter()
        sock.sendall(head.encode() + body)
        received = bytearray()
        while piece := sock.recv(65536):
            received += piece
        took = time.perf_counter() - began
    assert b"[DONE]" in received, bytes(received[-300:])
    tokens = int(received.rpartition(b'"completion_tokens":')[2].partition(b",")[0])
    return took, tokens, received.count(b'"content"')


def _body(text: str, stream: bool) -> dict[str, object]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": stream}


def _line(name: str, values: list[float]) -> str:
    ranked = sorted(values)
    p50, p95 = statistics.median(ranked), ranked[int(len(ranked) * 0.95)]
    return f"{name}: p50 {p50:.2f} ms, p95 {p95:.2f} ms"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--words", type=int, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root, serve(Path(root), models_preload="false") as served:
        with httpx.Client(base_url=served.address, timeout=60) as client:
            whole_ms(served, client)
            firsts = [first_text_ms(served, client) for _ in range(options.requests)]
            wholes = [whole_ms(served, client) for _ in range(options.requests)]
        took, tokens, chunks = min(streamed(served, options.words) for _ in range(10))
    print(_line("first text", firsts))
    print(_line("whole answer", wholes))
    print(
        f"streamed: {tokens / took:,.0f} tokens/s ({tokens} tokens in {chunks} chunks, {took * 1000:.1f} ms)"
    )


if __name__ == "__main__":
    main()
