"""Where vectors come from: any loaded decoder, or a model made for it. Both work in pieces, so others get turns."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Protocol

import numpy as np

from spark_engine.backends.cutting import next_piece
from spark_engine.backends.encoder import Encoder, Text, TextEncoding
from spark_engine.errors import CannotEmbed
from spark_engine.runner.embed_pooling import Pool, Vector
from spark_engine.runner.embed_ration import Ration
from spark_engine.runner.model import Model
from spark_engine.types.models import ModelKind, Pooling

Found = list[tuple[int, Vector]]
"""Vectors that one piece of work completed, with the places of their texts; often none."""
DEFAULT_POOLING: Pooling = "mean"


class TextSource(Protocol):
    """Reads tokenized texts. `longest`: tokens of the longest one. `kind`: whether it embeds or scores pairs."""

    kind: ModelKind
    vocab_size: int
    longest: int
    ration: Ration

    def text(self, text: str) -> Text:
        """The tokens of one text."""
        ...

    def pair(self, text: str, other: str) -> Text:
        """The tokens of two texts that are scored together."""
        ...

    def read(self, texts: Sequence[Text]) -> Iterator[Found]:
        """Vectors of length 1, or scores before the sigmoid [1]. Each step is one piece of work; closing gives up."""
        ...


class DecoderSource:
    """Embeds with a model that writes: one text after the other, in pieces between which sequences go on."""

    kind: ModelKind = "generator"

    def __init__(self, model: Model, ration: Ration) -> None:
        self._model, self.ration = model, ration
        self._pooling = model.pooling or model.decoder.pooling or DEFAULT_POOLING
        self.vocab_size, self.longest = model.decoder.vocab_size, model.kv.context

    def text(self, text: str) -> Text:
        """In the frame of raw text, if the model has one. What the text spells is never a special token."""
        vocabulary = self._model.vocabulary
        return Text([*vocabulary.prefix, *vocabulary.encode(text), *vocabulary.suffix])

    def pair(self, text: str, other: str) -> Text:
        """A model that writes scores no pairs."""
        raise CannotEmbed("it scores no pairs of texts")

    def read(self, texts: Sequence[Text]) -> Iterator[Found]:
        """A piece of one text in each step."""
        for index, text in enumerate(texts):
            pool, done = Pool(self._pooling), 0
            with closing(self._model.decoder.read(text.length)) as reading:
                while done < text.length:
                    if done:
                        yield []
                    piece = text.tokens[done : done + next_piece(text.length - done, self.ration.next())]
                    with self.ration.spend(len(piece)):
                        pool.add(reading.add(piece))
                    done += len(piece)
            yield [(index, pool.vector)]


class EncoderSource:
    """Embeds or scores with a model made for it: several texts of about the same length in each step."""

    def __init__(
        self, encoder: Encoder, encoding: TextEncoding, pooling: Pooling | None, ration: Ration
    ) -> None:
        self._encoder, self._encoding, self.ration = encoder, encoding, ration
        self._pooling = pooling or encoder.pooling or DEFAULT_POOLING
        self.kind, self.vocab_size, self.longest = encoder.kind, encoder.vocab_size, encoder.max_length

    def text(self, text: str) -> Text:
        """In the frame of special tokens that the model knows."""
        return self._encoding.text(text)

    def pair(self, text: str, other: str) -> Text:
        """In the frame of a pair."""
        return self._encoding.pair(text, other)

    def read(self, texts: Sequence[Text]) -> Iterator[Found]:
        """The shortest texts first, so that little is filled up; vectors do not depend on it."""
        waiting = sorted(range(len(texts)), key=lambda index: texts[index].length, reverse=True)
        while waiting:
            places = self._next(texts, waiting)
            batch = [texts[index] for index in places]
            with self.ration.spend(len(batch) * max(text.length for text in batch)):
                outputs = self._encoder.encode(batch)
            yield [(index, self._told(output)) for index, output in zip(places, outputs, strict=True)]

    def _next(self, texts: Sequence[Text], waiting: list[int]) -> list[int]:
        """Take from the end of `waiting` as many as one step may have, at least one."""
        room, places = self.ration.next(), [waiting.pop()]
        while waiting and self._encoder.shares_runs:
            longest = texts[waiting[-1]].length
            if longest * (len(places) + 1) > room:
                break
            places.append(waiting.pop())
        return places

    def _told(self, output: Vector) -> Vector:
        if self.kind == "reranker":
            (score,) = output
            return np.asarray(score)
        pool = Pool(self._pooling)
        pool.add(output)
        return pool.vector
