"""Prompt lookup: what is guessed, when it pays, and that it never changes an answer."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spark_engine.backends.echo import EchoVocabulary
from spark_engine.runner.kv_budget import KvBudget
from spark_engine.runner.lookup import HOPEFUL, MOST, NGRAM, Lookup, StepCosts, worthwhile
from spark_engine.runner.model import Model
from spark_engine.runner.prompt import PromptEncoder
from spark_engine.types.chat import TokensPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules
from tests.support.checking import CheckingDecoder, Predict, after, answer_to, repeating
from tests.support.decoders import Bench

CHEAP = StepCosts(plain=1.0, step=0.9, token=0.1)
PROMPT = list(range(30))


def test_what_followed_the_same_tokens_is_guessed() -> None:
    assert Lookup().guess([1, 2, 3, 4, 5, 6, 9, 1, 2, 3, 4]) == [5, 6, 9, 1, 2, 3, 4]
    assert Lookup().guess([1, 2, 3, 4, 5, 6, 9, 2, 3, 4]) == []
    assert Lookup().guess([1, 2, 3]) == []


def test_the_latest_place_counts_and_new_tokens_are_found() -> None:
    lookup, said = Lookup(), [1, 2, 3, 4, 5, 1, 2, 3, 4, 6, 1, 2, 3, 4]
    assert lookup.guess(said)[:1] == [6]
    assert lookup.guess([*said, 7, 8, 1, 2, 3, 4])[:2] == [7, 8]


@given(st.lists(st.integers(0, 2), max_size=60))
def test_a_guess_is_always_something_that_was_said(tokens: list[int]) -> None:
    lookup = Lookup()
    for end in range(len(tokens)):
        guess = lookup.guess(tokens[: end + 1])
        said = tokens[: end + 1]
        assert len(guess) <= MOST
        if guess:
            same = said[-NGRAM:]
            assert any(
                said[i : i + NGRAM] == same and said[i + NGRAM :][: len(guess)] == guess
                for i in range(end + 1 - NGRAM)
            )


def test_guessing_stops_where_it_does_not_pay() -> None:
    guess = [1, 2, 3, 4]
    assert worthwhile(guess, 0.95, CHEAP) == guess
    assert worthwhile(guess, 0.0, CHEAP) == []
    assert worthwhile(guess, 0.95, StepCosts(plain=1.0, step=0.5, token=1.0)) == []
    assert worthwhile(guess, 0.95, StepCosts(0.0, 0.0, 0.0)) == []


def test_wrong_guesses_discourage_and_time_heals() -> None:
    lookup = Lookup()
    for _ in range(20):
        lookup.learn(4, 0)
    assert worthwhile([1, 2, 3, 4], lookup.hits, CHEAP) == []
    for _ in range(2000):
        lookup.recover()
    assert HOPEFUL - lookup.hits < 0.01


def run(predict: Predict, **sampling: Any) -> tuple[Bench, CheckingDecoder]:
    vocabulary, decoder = EchoVocabulary(), CheckingDecoder(predict=predict)
    bench = Bench(Model(decoder, vocabulary, PromptEncoder(vocabulary, None), KvBudget(decoder)))
    bench.scheduler.pace.costs = lambda: CHEAP  # type: ignore[method-assign]
    stop = StopRules(max_tokens=150, ignore_eos=True)
    bench.run([GenerationRequest("a", "m", TokensPrompt(tuple(PROMPT)), SamplingOptions(**sampling), stop)])
    return bench, decoder


def test_quotes_need_fewer_steps_and_stay_the_same() -> None:
    bench, _ = run(repeating, temperature=0)
    assert bench.told["a"].tokens == answer_to(PROMPT, 150, repeating)
    assert bench.scheduler.steps < 150 / 1.5
    assert bench.scheduler.decoded_tokens == 149


def test_without_repetition_hardly_a_step_is_spent_on_guessing() -> None:
    bench, decoder = run(after, temperature=0)
    assert bench.told["a"].tokens == answer_to(PROMPT, 150)
    assert sum(len(entry.tokens) > 1 for batch in decoder.batches[1:] for entry in batch) <= 3


def test_sampling_guesses_nothing() -> None:
    _, decoder = run(repeating, temperature=0.001, seed=1)
    assert all(len(entry.tokens) == 1 for batch in decoder.batches[1:] for entry in batch)
