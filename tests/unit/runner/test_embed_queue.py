"""Requests that are only read: what they give, in which turns, and what ends them."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from spark_engine.backends.base import Hidden
from spark_engine.backends.encoder import Text
from spark_engine.protocol.messages import (
    LoadPlan,
    SequenceEvent,
    SequenceFailed,
    SequenceFinished,
    SequenceStarted,
    SequenceVector,
)
from spark_engine.runner.embed_queue import EmbedQueue
from spark_engine.runner.embed_ration import Ration
from spark_engine.runner.embed_source import DecoderSource, EncoderSource
from spark_engine.runner.model import Model
from spark_engine.runner.pace import Pace
from spark_engine.types.chat import TextPrompt, TokensPrompt
from spark_engine.types.embeddings import EmbeddingRequest, RerankRequest
from spark_engine.types.models import ModelKind, Pooling

CONTEXT, PIECE = 200, 16


class Fixed(Ration):
    """A ration that is always the same."""

    def next(self) -> int:
        return PIECE


@pytest.fixture
def model() -> Model:
    return Model.load(LoadPlan("echo:plain", "echo", "", context=CONTEXT), lambda step: None)


@pytest.fixture
def queue(model: Model) -> EmbedQueue:
    return EmbedQueue(DecoderSource(model, Fixed(Pace())))


def asks(id: str, *texts: str, **fields: Any) -> EmbeddingRequest:
    return EmbeddingRequest(id, "m", tuple(map(TextPrompt, texts)), **fields)


def drain(queue: EmbedQueue) -> list[SequenceEvent]:
    events: list[SequenceEvent] = []
    while not queue.is_idle:
        events += queue.step()
    return events


def vectors(events: Sequence[SequenceEvent], id: str) -> list[Hidden]:
    found = {e.index: e.values for e in events if isinstance(e, SequenceVector) and e.id == id}
    return [np.frombuffer(found[index], "<f4") for index in sorted(found)]


def test_a_vector_for_each_input_between_start_and_end(queue: EmbedQueue) -> None:
    queue.submit(asks("a", "hello", "x" * 50, "hello"))
    events = drain(queue)
    assert events[0] == SequenceStarted("a", 6 + 51 + 6)
    assert isinstance(events[-1], SequenceFinished)
    assert (events[-1].reason, events[-1].prompt_tokens, events[-1].completion_tokens) == ("stop", 63, 0)
    first, second, third = vectors(events, "a")
    for vector in (first, second, third):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(first, third)
    assert first @ second < 0.5


def test_the_mean_counts_every_token_once_however_long_the_text_is(queue: EmbedQueue) -> None:
    queue.submit(asks("a", "ab" * 30))
    (vector,) = vectors(drain(queue), "a")
    a, b, mark = vector[ord("a")], vector[ord("b")], vector.max()
    assert a == pytest.approx(b)
    assert a == mark
    assert np.count_nonzero(vector) == 3, "the two letters and the mark at the end"
    assert vector[vector > 0].min() == pytest.approx(a / 30)


@pytest.mark.parametrize(("pooling", "token"), [("last", 3), ("cls", 1)])
def test_a_card_may_choose_one_token(model: Model, pooling: Pooling, token: int) -> None:
    chosen = Model(model.decoder, model.vocabulary, model.prompts, model.kv, pooling=pooling)
    queue = EmbedQueue(DecoderSource(chosen, Fixed(Pace())))
    queue.submit(EmbeddingRequest("a", "m", (TokensPrompt((1, *[2] * 40, 3)),)))
    (vector,) = vectors(drain(queue), "a")
    assert vector[token] == 1


def test_fewer_dimensions_are_of_length_one_again(queue: EmbedQueue) -> None:
    queue.submit(asks("a", "abc", dimensions=99))
    (vector,) = vectors(drain(queue), "a")
    np.testing.assert_allclose(vector[vector > 0], 0.5**0.5, rtol=1e-6)
    assert len(vector) == 99


def test_each_step_reads_at_most_one_piece(model: Model, queue: EmbedQueue) -> None:
    lengths: list[int] = []
    read = model.decoder.read

    def spied(length: int) -> Any:
        reading = read(length)
        add = reading.add
        reading.add = lambda tokens: (lengths.append(len(tokens)), add(tokens))[1]  # type: ignore[method-assign]
        return reading

    model.decoder.read = spied  # type: ignore[method-assign]
    queue.submit(asks("a", "x" * 99, "y" * 20))
    while not queue.is_idle:
        before = len(lengths)
        queue.step()
        assert len(lengths) - before <= 1
    assert max(lengths) == PIECE
    assert sum(lengths) == 121 == queue.tokens


def test_turns_go_round_between_texts_but_not_within_one(queue: EmbedQueue) -> None:
    queue.submit(asks("long", "x" * 60, "x" * 60))
    queue.submit(asks("short", "a", "b"))
    told = [(e.id, e.index) for e in drain(queue) if isinstance(e, SequenceVector)]
    assert told == [("long", 0), ("short", 0), ("long", 1), ("short", 1)]


@pytest.mark.parametrize(
    ("request_", "code", "param", "says"),
    [
        (
            asks("a", "ok", "x" * 300),
            "context_length_exceeded",
            "input",
            r"input\[1\] has 301 tokens; .* 200",
        ),
        (EmbeddingRequest("a", "m", (TokensPrompt((5, 999)),)), "unknown_token", "input", "0 to 260"),
        (asks("a", "x", dimensions=500), "too_many_dimensions", "dimensions", "261 dimensions; 500"),
        (RerankRequest("a", "m", "x" * 300, ("y",)), "context_length_exceeded", "query", "query has 301"),
        (
            RerankRequest("a", "m", "x", ("y", "z" * 300)),
            "context_length_exceeded",
            "documents",
            r"ments\[1\]",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_and_others_go_on(
    queue: EmbedQueue, request_: EmbeddingRequest | RerankRequest, code: str, param: str, says: str
) -> None:
    queue.submit(request_)
    queue.submit(asks("b", "fine"))
    events = drain(queue)
    refused = next(e for e in events if isinstance(e, SequenceFailed))
    assert (refused.id, refused.code, refused.param, refused.status) == ("a", code, param, 400)
    assert re.search(says, refused.message), refused.message
    assert len(vectors(events, "b")) == 1


def test_a_library_that_falls_over_costs_one_request(
    model: Model, queue: EmbedQueue, expect_log: Callable[[str], None]
) -> None:
    expect_log("a text could not be read")
    closed: list[bool] = []

    class Broken:
        def add(self, tokens: Sequence[int]) -> Hidden:
            raise RuntimeError("the library fell over")

        def close(self) -> None:
            closed.append(True)

    whole = model.decoder.read
    broken: Any = iter([Broken()])
    model.decoder.read = lambda length: next(broken, None) or whole(length)  # type: ignore[method-assign]
    queue.submit(asks("a", "boom"))
    queue.submit(asks("b", "fine"))
    events = drain(queue)
    failed = next(e for e in events if isinstance(e, SequenceFailed))
    assert (failed.id, failed.code, failed.status) == ("a", "embedding_failed", 500)
    assert closed == [True]
    assert len(vectors(events, "b")) == 1


def test_cancelling_gives_the_memory_back_at_once(model: Model, queue: EmbedQueue) -> None:
    closed: list[int] = []
    read = model.decoder.read

    def watched(length: int) -> Any:
        reading = read(length)
        reading.close = lambda: closed.append(length)  # type: ignore[method-assign]
        return reading

    model.decoder.read = watched  # type: ignore[method-assign]
    queue.submit(asks("a", "x" * 99))
    for _ in range(3):
        queue.step()
    assert closed == []
    (end,) = queue.cancel("a")
    assert isinstance(end, SequenceFinished)
    assert (end.reason, closed, queue.is_idle) == ("cancelled", [100], True)
    assert queue.cancel("a") == []


def test_a_ranking_is_the_cosine_with_the_query(queue: EmbedQueue) -> None:
    queue.submit(RerankRequest("r", "m", "cat", ("cat", "dog", "cats and dogs")))
    scores = [float(score[0]) for score in vectors(drain(queue), "r")]
    queue.submit(asks("e", "cat", "cat", "dog", "cats and dogs"))
    query, *documents = vectors(drain(queue), "e")
    np.testing.assert_allclose(scores, [query @ document for document in documents], atol=1e-6)
    assert scores[0] == pytest.approx(1)


class FakeEncoder:
    """Scores a text by its length, and keeps which texts ran together."""

    device, vocab_size, max_length, pooling = "test", 100, 50, None

    def __init__(self, kind: ModelKind, *, shares_runs: bool = True) -> None:
        self.kind, self.shares_runs = kind, shares_runs
        self.runs: list[list[int]] = []

    def load(self, plan: LoadPlan) -> Iterator[Any]:
        return iter(())

    def encode(self, texts: Sequence[Text]) -> list[Hidden]:
        self.runs.append([text.length for text in texts])
        return [np.full((1, 1), text.length - 5, np.float32) for text in texts]

    def close(self) -> None: ...

    def text(self, text: str) -> Text:
        return Text(list(range(len(text))))

    def pair(self, text: str, other: str) -> Text:
        return Text([1] * (len(text) + len(other)))


def test_a_cross_encoder_reads_pairs_and_gives_probabilities() -> None:
    encoder = FakeEncoder("reranker")
    queue = EmbedQueue(EncoderSource(encoder, encoder, None, Fixed(Pace())))
    queue.submit(RerankRequest("r", "m", "ab", ("", "abc", "x" * 40)))
    events = drain(queue)
    scores = [float(score[0]) for score in vectors(events, "r")]
    np.testing.assert_allclose(scores, [1 / (1 + np.exp(3)), 0.5, 1], rtol=1e-6)
    queue.submit(asks("e", "text"))
    refused = drain(queue)[-1]
    assert isinstance(refused, SequenceFailed)
    assert (refused.code, refused.param) == ("model_cannot_embed", "model")


@pytest.mark.parametrize(("shares", "runs"), [(True, [[1, 2, 3, 4], [10], [10], [40]]), (False, None)])
def test_texts_of_about_one_length_share_a_run(shares: bool, runs: list[list[int]] | None) -> None:
    encoder = FakeEncoder("embedder", shares_runs=shares)
    queue = EmbedQueue(EncoderSource(encoder, encoder, None, Fixed(Pace())))
    queue.submit(asks("e", *("x" * length for length in (10, 2, 40, 1, 10, 4, 3))))
    assert len(vectors(drain(queue), "e")) == 7
    assert encoder.runs == (runs or [[1], [2], [3], [4], [10], [10], [40]])
