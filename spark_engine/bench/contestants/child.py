"""The child's end of a measurement: a line of JSON in, a line of JSON out, until stdin ends. Standard library only."""

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Protocol

Streams = list[dict[str, Any]]
"""The wanted streams: `prompt` (token ids), `tokens` of the answer, `arrives_s` after the start."""
Timelines = list[dict[str, Any]]
"""One for each stream, as `figures.Timeline`: `arrived`, `times`, `tokens`, in seconds after the start."""
STUCK_S = 8.0
_at_end: list[Callable[[], None]] = []


class Contestant(Protocol):
    """Somebody who can run streams of tokens on a loaded model."""

    def measure(self, streams: Streams) -> Timelines:
        """Run these streams, and say when their tokens came."""
        ...


def serve(open_contestant: Callable[[dict[str, Any]], Contestant]) -> None:
    """Open what the first line orders, then measure what each further line asks for. Never returns.

    Answers `ready`, `missing` (the module that is not installed) or `failed`, then `measured` (with the `pids` of the
    processes that belong to it) or `failed`.
    """
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # for whatever a library prints
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    lines: SimpleQueue[bytes] = SimpleQueue()
    opened: list[Contestant] = []
    threading.Thread(target=_read, args=(source, lines), daemon=True).start()
    _tell(sink, _open(open_contestant, json.loads(lines.get()), opened))
    while True:
        _tell(sink, _measure(opened, json.loads(lines.get())))


def at_end(close: Callable[[], None]) -> None:
    """Have `close` called, on some thread, when this process has to end: to end what would not end by itself."""
    _at_end.append(close)


def clock() -> Callable[[], float]:
    """Seconds since now."""
    began = perf_counter()
    return lambda: perf_counter() - began


def pids_of(contestant: Contestant) -> list[int]:
    """The processes whose memory counts: this one, unless the contestant names others."""
    return list(getattr(contestant, "pids", None) or [os.getpid()])


def _open(
    open_contestant: Callable[[dict[str, Any]], Contestant], order: dict[str, Any], opened: list[Contestant]
) -> dict[str, Any]:
    try:
        opened.append(open_contestant(order))
    except ModuleNotFoundError as error:
        return {"missing": error.name or str(error)}
    except Exception as error:
        return _failed(error)
    return {"ready": True}


def _measure(opened: list[Contestant], asked: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"measured": opened[0].measure(asked["streams"]), "pids": pids_of(opened[0])}
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> dict[str, Any]:
    traceback.print_exc(file=sys.stderr)
    return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}


def _tell(sink: Any, message: dict[str, Any]) -> None:
    sink.write(json.dumps(message).encode() + b"\n")


def _read(source: Any, lines: "SimpleQueue[bytes]") -> None:
    """Whoever started this process has closed its stdin or is gone: end at once, whatever is being measured."""
    for line in source:
        lines.put(line)
    watchdog = threading.Timer(STUCK_S, os._exit, (1,))
    watchdog.daemon = True
    watchdog.start()
    for close in _at_end:
        close()
    os._exit(0)
