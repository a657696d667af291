"""The programs that the benchmark starts: a line of JSON to each and one back, and a sure end for all of them."""

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

import msgspec
import psutil

PACKAGE = Path(__file__).resolve().parents[2]
GRACE_S, READERS_S = 10.0, 1.0
EVIDENCE_LINES = 12


class Cancelled(Exception):
    """Whoever wanted the benchmark wants it no more."""


class ChildEnded(Exception):
    """A program ended in the middle of the work; the text says how, with the end of what it wrote to stderr."""


class Child:
    """One program in a process of its own. `ask` is answered by one line; `lines` gives all it says."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [*command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(PACKAGE), "ORT_DISABLE_TELEMETRY": "1"},
            # A signal to the terminal's group is for the command to handle.
            start_new_session=sys.platform != "win32",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        self._said: SimpleQueue[bytes | None] = SimpleQueue()
        self._evidence: deque[str] = deque(maxlen=EVIDENCE_LINES)
        self._readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_stderr, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def evidence(self) -> str:
        """The end of what it wrote to stderr."""
        return "\n".join(self._evidence)

    def ask(self, question: dict[str, Any], patience_s: float) -> dict[str, Any]:
        """Its answer. ChildEnded when it ends instead, or says nothing for `patience_s` seconds."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(msgspec.json.encode(question) + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise ChildEnded(self._how()) from None
        answer: dict[str, Any] = self._next(patience_s)
        return answer

    def lines(self, silence_s: float) -> Iterator[dict[str, Any]]:
        """What it says, until it ends by itself."""
        while (message := self._next(silence_s, ends=True)) is not None:
            yield message

    def close(self) -> None:
        """Let it end, by the end of its stdin; make it end when that takes too long."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            _kill_tree(self._process.pid)
            self._process.wait()
        self._close_pipes()

    def _next(self, patience_s: float, *, ends: bool = False) -> Any:
        try:
            line = self._said.get(timeout=patience_s)
        except Empty:
            raise ChildEnded(f"silent for {patience_s:.0f} s") from None
        if line is not None:
            return msgspec.json.decode(line)
        if ends:
            return None
        raise ChildEnded(self._how())

    def _how(self) -> str:
        """How it ended, for people."""
        status = self._process.wait()
        for reader in self._readers:
            reader.join(READERS_S)
        how = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"{how}: {self._evidence[-1]}" if self._evidence else how

    def _close_pipes(self) -> None:
        """What it said last is still read; a pipe that somebody else holds open is left to its reader."""
        for reader, pipe in zip(self._readers, (self._process.stdout, self._process.stderr), strict=True):
            reader.join(READERS_S)
            if pipe is not None and not reader.is_alive():
                pipe.close()

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line)
        self._said.put(None)

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if text := line.decode(errors="replace").strip():
                self._evidence.append(text)


class Children:
    """Every program that runs for this benchmark. `close` may be called on any thread, and ends them all."""

    def __init__(self) -> None:
        self._running: list[Child] = []
        self._closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, command: Sequence[str]) -> Child:
        """One more. Cancelled when it is over."""
        with self._lock:
            self.check()
            child = Child(command)
            self._running.append(child)
            return child

    def end(self, child: Child) -> None:
        """End one."""
        child.close()
        with self._lock:
            if child in self._running:
                self._running.remove(child)

    def check(self) -> None:
        """Cancelled when it is over."""
        if self._closed:
            raise Cancelled

    def close(self) -> None:
        """End all, at the same time."""
        with self._lock:
            self._closed = True
            running, self._running = self._running, []
        threads = [threading.Thread(target=child.close) for child in running]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _kill_tree(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        for one in [*process.children(recursive=True), process]:
            one.kill()
    except psutil.NoSuchProcess:
        pass
