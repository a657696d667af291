"""Turns tokens into text as they come: never half a character, never the beginning of a stop string."""

import codecs
from collections.abc import Callable


class Detokenizer:
    """The text of one answer. What `push` returns is final; what could still be taken back is held.

    `piece` gives a token's bytes; `strip_space` drops one space at the very beginning of the answer.
    """

    def __init__(
        self, piece: Callable[[int], bytes], stop: tuple[str, ...] = (), *, strip_space: bool = False
    ) -> None:
        self._piece = piece
        self._stop = tuple(text for text in stop if text)
        self._strip_space = strip_space
        self._bytes = b""
        self._held = ""
        self._decoded = 0
        self.stopped = False

    @property
    def seen(self) -> int:
        """Characters of the answer so far, held ones and an unfinished one included."""
        return self._decoded + (1 if self._bytes else 0)

    def push(self, token: int, *, may_stop: bool = True) -> str:
        """The text that became final with this token. `stopped` is set when a stop string ended the answer."""
        text = self._decode(self._piece(token), final=False)
        return self._screen(text, may_stop) if self._stop else text

    def flush(self) -> str:
        """What is still held, when the answer has ended without a stop string; unfinished characters as U+FFFD."""
        if self.stopped:
            return ""
        text, self._held = self._held + self._decode(b"", final=True), ""
        return text

    def _decode(self, piece: bytes, *, final: bool) -> str:
        data = self._bytes + piece if self._bytes else piece
        text, used = codecs.utf_8_decode(data, "replace", final)
        self._bytes = data[used:]
        if self._strip_space and text:
            self._strip_space = False
            text = text.removeprefix(" ")
        self._decoded += len(text)
        return text

    def _screen(self, text: str, may_stop: bool) -> str:
        buffer, self._held = self._held + text, ""
        if not may_stop:
            return buffer
        found = [place for stop in self._stop if (place := buffer.find(stop)) >= 0]
        if found:
            self.stopped, self._bytes = True, b""
            return buffer[: min(found)]
        cut = len(buffer) - max(_overlap(buffer, stop) for stop in self._stop)
        self._held = buffer[cut:]
        return buffer[:cut]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` could be the beginning of `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
