"""Answers stay what plain steps give, although tokens computed several at a time change the logits after them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_engine.backends.base import Logits, SlotInput
from spark_engine.backends.echo import SIZE, EchoVocabulary
from spark_engine.runner.guessing import Guessing
from spark_engine.runner.kv_budget import KvBudget
from spark_engine.runner.lookup import Lookup, StepCosts
from spark_engine.runner.model import Model
from spark_engine.runner.prompt import PromptEncoder
from spark_engine.types.chat import TokensPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules
from tests.support.checking import CheckingDecoder, after, answer_to, repeating
from tests.support.decoders import Bench

PROMPT, DOUBTS = 30, 9
ROUNDING, NOWHERE = 0.5, 1 << 30


class DriftingDecoder(CheckingDecoder):
    """After tokens of an answer that were computed together, another token leads wherever two are close, until they
    are forgotten. Prompts have PROMPT tokens. `drifted`: from which position on a slot gives the other."""

    rounding = ROUNDING
    joins = False

    def __init__(self, slots: int = 3) -> None:
        super().__init__(slots, repeating)
        self.drifted = [NOWHERE] * slots

    def _run(self, entry: SlotInput) -> Logits | None:
        if entry.position + len(entry.tokens) > PROMPT and len(entry.tokens) > 1:
            self.drifted[entry.slot] = min(self.drifted[entry.slot], max(entry.position, PROMPT - 2))
        logits = super()._run(entry)
        if logits is None:
            return None
        rows = logits.reshape(entry.last, -1)
        end = len(self.tokens[entry.slot])
        for place, row in enumerate(rows):
            length = end - entry.last + place + 1
            self._make_close(row, self.tokens[entry.slot][:length], self.drifted[entry.slot] < length)
        return logits

    def _make_close(self, row: Logits, tokens: Sequence[int], is_drifted: bool) -> None:
        if after(tokens) % DOUBTS == 0:
            best = int(row.argmax())
            row[(best + 1) % 200] = 9.2 if is_drifted else 8.8

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        super().copy(slot_from, slot_to, length)
        self.drifted[slot_to] = self.drifted[slot_from]

    def truncate(self, slot: int, length: int) -> None:
        super().truncate(slot, length)
        if length <= self.drifted[slot]:
            self.drifted[slot] = NOWHERE

    def free(self, slot: int) -> None:
        super().free(slot)
        self.drifted[slot] = NOWHERE


def bench_of(decoder: DriftingDecoder, memory: int | None = None) -> Bench:
    vocabulary = EchoVocabulary()
    budget = KvBudget(decoder) if memory is None else KvBudget(decoder, memory)
    bench = Bench(Model(decoder, vocabulary, PromptEncoder(vocabulary, None), budget))
    bench.scheduler.pace.costs = lambda: StepCosts(1.0, 0.9, 0.1)  # type: ignore[method-assign]
    return bench


def request(id: str, first: int, **sampling: Any) -> GenerationRequest:
    stop = StopRules(max_tokens=120, ignore_eos=True)
    prompt = tuple((first + place) % 200 for place in range(PROMPT))
    return GenerationRequest(id, "m", TokensPrompt(prompt), SamplingOptions(temperature=0, **sampling), stop)


def expected(first: int) -> list[int]:
    return answer_to([(first + place) % 200 for place in range(PROMPT)], 120, repeating)


@pytest.mark.parametrize("first", range(8))
def test_close_tokens_are_decided_by_plain_steps(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guessing, "_earn", lambda self, steps: None)
    bench = bench_of(DriftingDecoder())
    bench.run([request("a", first)])
    assert bench.told["a"].tokens == expected(first)
    decoder = bench.model.decoder
    assert isinstance(decoder, DriftingDecoder)
    assert any(len(entry.tokens) > 1 for batch in decoder.batches[2:] for entry in batch), (
        "nothing was guessed"
    )


@given(st.lists(st.integers(0, 5), min_size=2, max_size=4), st.integers(200, 400))
@settings(max_examples=40, deadline=None)
def test_losing_the_slot_changes_no_token(firsts: list[int], memory: int) -> None:
    bench = bench_of(DriftingDecoder(), memory)
    bench.run([request(f"s{place}", 40 * first + place) for place, first in enumerate(firsts)])
    for place, first in enumerate(firsts):
        assert bench.told[f"s{place}"].tokens == expected(40 * first + place)


def test_a_lead_counts_among_what_may_come() -> None:
    free, held = (
        bench_of(DriftingDecoder()).intake.begin(request("a", 0, logit_bias=bias)).sampler
        for bias in ({}, {7: -100.0})
    )
    logits = np.full(SIZE, 4.8, np.float32)
    logits[0], logits[7] = 5.0, 10.0
    assert free.is_sure(logits, ROUNDING)
    assert not held.is_sure(logits, ROUNDING)


def test_guesses_that_cost_more_than_they_save_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lookup, "guess", lambda self, tokens: [199, 198])
    decoder = DriftingDecoder()
    bench = bench_of(decoder)
    monkeypatch.setattr(Lookup, "learn", lambda self, guessed, right: None)
    for n in range(6):
        bench.run([request(f"s{n}", 40 * n)])
    guessed = sum(len(e.tokens) == 3 for batch in decoder.batches for e in batch)
    assert 0 < guessed < 0.1 * bench.scheduler.steps
