"""The answer of one sequence as it is told: final text, tool calls, and the tokens they came from."""

from collections import deque
from typing import NamedTuple

from spark_engine.protocol.messages import SequenceDelta
from spark_engine.runner.detokenizer import Detokenizer
from spark_engine.runner.tool_reader import Read, ToolReader
from spark_engine.types.chat import join_pieces
from spark_engine.types.generation import TokenLogprob


class _Untold(NamedTuple):
    """A token whose text is not yet told: its characters are `start` to `end` of the answer."""

    token: int
    logprob: TokenLogprob | None
    start: int
    end: int


class Answer:
    """Collects tokens and gives out deltas; a token is told when the last of its text is."""

    def __init__(self, id: str, detokenizer: Detokenizer, reader: ToolReader | None = None) -> None:
        self._id, self._detokenizer, self._reader = id, detokenizer, reader
        self._untold: deque[_Untold] = deque()
        self._text = ""
        self._final = self._told = 0
        self._begun = False

    @property
    def stopped(self) -> bool:
        """Whether a stop string ended the answer."""
        return self._detokenizer.stopped

    def push(self, token: int, logprob: TokenLogprob | None, *, may_stop: bool) -> None:
        """Add a token."""
        start = self._detokenizer.seen
        self._text += self._detokenizer.push(token, may_stop=may_stop)
        self._untold.append(_Untold(token, logprob, start, self._detokenizer.seen))

    def release(self, *, final: bool) -> SequenceDelta | None:
        """What became final since the last time; None when nothing did, except for the very first delta.

        `final` says that the answer is over: nothing is held back any longer.
        """
        if final:
            self._text += self._detokenizer.flush()
        text, self._text = self._text, ""
        self._final += len(text)
        text, calls = self._read(text, final=final)
        self._told = self._final - (self._reader.held if self._reader else 0)
        told = self._take(everything=final and not self.stopped)
        if not text and not told and not calls and self._begun:
            return None
        self._begun = True
        logprobs = tuple(u.logprob for u in told if u.logprob is not None)
        return SequenceDelta(self._id, text, tuple(u.token for u in told), logprobs, calls)

    def _read(self, text: str, *, final: bool) -> Read:
        """Text and tool calls in what became final."""
        if self._reader is None:
            return Read(text)
        read = self._reader.feed(text)
        if not final:
            return read
        rest = self._reader.finish()
        return Read(read.text + rest.text, join_pieces(read.calls + rest.calls))

    def _take(self, *, everything: bool) -> list[_Untold]:
        """The tokens whose text is told; after a stop string also the one it cut in two."""
        untold, taken = self._untold, []
        while untold and (
            everything or untold[0].end <= self._told or (self.stopped and untold[0].start < self._told)
        ):
            taken.append(untold.popleft())
        return taken
