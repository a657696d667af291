"""One request for embeddings or a ranking in the runner, done step by step: its texts tokenized, then read."""

from collections.abc import Generator
from time import perf_counter

from spark_engine.backends.encoder import Text
from spark_engine.protocol.messages import SequenceEvent, SequenceFinished, SequenceStarted, SequenceVector
from spark_engine.runner.embed_numbers import numbers
from spark_engine.runner.embed_pooling import as_bytes
from spark_engine.runner.embed_source import TextSource
from spark_engine.runner.embed_texts import tokenized
from spark_engine.types.embeddings import EmbeddingRequest, ReadingRequest

TOKENIZED_AT_ONCE = 4096
"""Tokens: some milliseconds of work."""
Work = Generator[list[SequenceEvent], None, None]


class EmbedJob:
    """A request being read."""

    def __init__(self, request: ReadingRequest, source: TextSource) -> None:
        self.id = request.id
        self._request, self._source = request, source
        self._prompt_tokens = 0
        self._submitted, self._began = perf_counter(), 0.0
        self._work = self._all()

    def step(self) -> list[SequenceEvent]:
        """One piece of work and what it completed: nothing in the middle of a text, SequenceFinished at the end.

        InvalidRequest when the request cannot be served.
        """
        self._began = self._began or perf_counter()
        return next(self._work)

    def close(self) -> None:
        """Give back what it holds of the model."""
        self._work.close()

    def finished(self, reason: str) -> SequenceFinished:
        """The event that tells the end."""
        now = perf_counter()
        began = self._began or now
        times = ((began - self._submitted) * 1000, (now - began) * 1000, 0.0)
        return SequenceFinished(self.id, reason, self._prompt_tokens, 0, 0, *times)

    def _all(self) -> Work:
        texts: list[Text] = []
        yield from self._tokenize(texts)
        yield [SequenceStarted(self.id, self._prompt_tokens)]
        request = self._request
        left = len(request.inputs if isinstance(request, EmbeddingRequest) else request.documents)
        for found in numbers(request, self._source, texts):
            left -= len(found)
            events: list[SequenceEvent] = [
                SequenceVector(self.id, index, as_bytes(values)) for index, values in found
            ]
            yield events if left else [*events, self.finished("stop")]

    def _tokenize(self, texts: list[Text]) -> Work:
        """Fill `texts`, some of them in each step."""
        told = 0
        for text in tokenized(self._request, self._source):
            texts.append(text)
            self._prompt_tokens += text.length
            if self._prompt_tokens - told > TOKENIZED_AT_ONCE:
                yield []
                told = self._prompt_tokens
