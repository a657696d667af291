"""The runner's end of the pipe: takes stdin and stdout for the protocol and turns frames into a queue."""

import os
import sys
import threading
from queue import SimpleQueue
from typing import BinaryIO

from spark_engine.protocol.framing import FrameError, encode, read_to_runner
from spark_engine.protocol.messages import FromRunner, ToRunner

Commands = SimpleQueue[ToRunner]

EXIT_ENGINE_GONE = 0
EXIT_BAD_FRAME = 65
EXIT_PIPE_BROKEN = 74


def claim_streams() -> tuple[BinaryIO, BinaryIO]:
    """The protocol's input and output. Afterwards fd 0 is empty and fd 1 is stderr, for whatever a library does."""
    if sys.stdout is not None:
        sys.stdout.flush()
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


class Sender:
    """Writes messages to the engine; ends the process when the engine is gone."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink

    def __call__(self, message: FromRunner) -> None:
        """Send one message, blocking while the pipe is full."""
        rest = memoryview(encode(message))
        try:
            while rest:
                rest = rest[self._sink.write(rest) :]
        except OSError:
            end_now(EXIT_PIPE_BROKEN)


def start_reader(source: BinaryIO, commands: Commands) -> threading.Thread:
    """Read frames into `commands` on a thread of its own, so that a long step cannot hide the end of the engine."""
    reader = threading.Thread(target=_read, args=(source, commands), name="pipe-reader", daemon=True)
    reader.start()
    return reader


def _read(source: BinaryIO, commands: Commands) -> None:
    try:
        while (message := read_to_runner(source)) is not None:
            commands.put(message)
    except FrameError as error:
        end_now(EXIT_BAD_FRAME, f"The engine sent what is no message of this runner: {error}")
    except OSError:
        pass
    end_now(EXIT_ENGINE_GONE)


def end_now(status: int, reason: str = "") -> None:
    """End the process at once, whatever its other threads do; there is nothing to save."""
    if reason:
        os.write(2, f"spark runner: {reason}\n".encode(errors="replace"))
    os._exit(status)
