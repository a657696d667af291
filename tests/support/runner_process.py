"""A real runner process, spoken to over its pipe as the engine does."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Queue
from typing import Any

import msgspec

from spark_engine.protocol.framing import encode
from spark_engine.protocol.messages import (
    Cancel,
    Events,
    FromRunner,
    Load,
    Loaded,
    LoadPlan,
    LoadRefused,
    RunnerStats,
    SequenceEvent,
    SequenceFailed,
    SequenceFinished,
    Submit,
    ToRunner,
)
from spark_engine.types.chat import ChatMessage, ChatPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules

_decoder = msgspec.msgpack.Decoder(FromRunner)
PATIENCE_S = 60.0


class RunnerProcess:
    """The process, its messages, and what it wrote to stderr."""

    def __init__(self, process: "subprocess.Popen[bytes]", errors: Path) -> None:
        self.process, self._errors = process, errors
        self._inbox: Queue[FromRunner | None] = Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while len(header := stream.read(4)) == 4:
            self._inbox.put(_decoder.decode(stream.read(int.from_bytes(header, "little"))))
        self._inbox.put(None)

    @property
    def stderr(self) -> str:
        """Everything on stderr so far."""
        return self._errors.read_text(errors="replace")

    def send(self, message: ToRunner) -> None:
        self.send_raw(encode(message))

    def send_raw(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def receive(self) -> FromRunner | None:
        """The next message; None when the runner has ended."""
        return self._inbox.get(timeout=PATIENCE_S)

    def load(self, plan: LoadPlan) -> Loaded | LoadRefused | None:
        """Load, skipping progress."""
        self.send(Load(plan))
        while (message := self.receive()) is not None:
            if isinstance(message, (Loaded, LoadRefused)):
                return message
        return None

    def submit(self, id: str, text: str = "hello", **stop: Any) -> None:
        prompt = ChatPrompt((ChatMessage("user", text),))
        greedy = SamplingOptions(temperature=0)
        self.send(Submit(GenerationRequest(id, "m", prompt, greedy, StopRules(**stop))))

    def cancel(self, id: str) -> None:
        self.send(Cancel(id))

    def events(self) -> Iterator[SequenceEvent]:
        """Sequence events as they come; ends with the runner."""
        while (message := self.receive()) is not None:
            if isinstance(message, Events):
                yield from message.events

    def events_until(self, id: str) -> list[SequenceEvent]:
        """The events of one sequence, to its end."""
        seen: list[SequenceEvent] = []
        for event in self.events():
            if event.id == id:
                seen.append(event)
                if isinstance(event, (SequenceFinished, SequenceFailed)):
                    break
        return seen

    def stats(self) -> RunnerStats:
        """The next statistics."""
        while (message := self.receive()) is not None:
            if isinstance(message, RunnerStats):
                return message
        raise AssertionError(f"the runner ended: {self.stderr}")


@contextmanager
def runner_process(folder: Path, command: list[str] | None = None) -> Iterator[RunnerProcess]:
    """Start a runner; its stderr goes to a file in `folder`."""
    errors = folder / "runner.txt"
    with errors.open("wb") as sink:
        command = command or [sys.executable, "-m", "spark_engine", "runner"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink)
    try:
        yield RunnerProcess(process, errors)
    finally:
        process.kill()
        process.wait(10)
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with suppress(OSError):
                stream.close()
