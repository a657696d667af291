"""The prefix cache, the memory budget and the queue: what is shared, what gives way, whose turn it is."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_engine.backends.cutting import FEWEST
from spark_engine.backends.echo import EchoVocabulary
from spark_engine.protocol.messages import SequenceFailed, SequenceFinished
from spark_engine.runner import queue
from spark_engine.runner.kv_budget import KvBudget
from spark_engine.runner.lookup import StepCosts
from spark_engine.runner.model import Model
from spark_engine.runner.prompt import PromptEncoder
from spark_engine.runner.slots import SHARED_LEAST, common
from spark_engine.types.chat import TokensPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules
from tests.support.checking import CheckingDecoder, Predict, after, answer_to, repeating
from tests.support.decoders import Bench, Told

GUESSING_PAYS = StepCosts(plain=1.0, step=0.9, token=0.1)
SYSTEM, OTHER = list(range(60)), list(range(100, 160))


def new_bench(slots: int = 3, memory: int = 1_000_000, predict: Predict = after) -> Bench:
    vocabulary = EchoVocabulary()
    decoder = CheckingDecoder(slots, predict)
    model = Model(decoder, vocabulary, PromptEncoder(vocabulary, None), KvBudget(decoder, memory))
    bench = Bench(model)
    bench.scheduler.pace.budget = lambda decoding: 32  # type: ignore[method-assign]
    return bench


def request(name: str, prompt: Sequence[int], answer: int, **more: Any) -> GenerationRequest:
    stop = StopRules(max_tokens=answer, ignore_eos=True)
    return GenerationRequest(
        name, "m", TokensPrompt(tuple(prompt)), SamplingOptions(temperature=0), stop, **more
    )


def computed(bench: Bench) -> int:
    """Tokens the decoder has computed since the last time."""
    decoder = bench.model.decoder
    assert isinstance(decoder, CheckingDecoder)
    tokens = sum(len(entry.tokens) for batch in decoder.batches for entry in batch)
    decoder.batches.clear()
    return tokens


def ended(told: Told) -> SequenceFinished:
    assert isinstance(told.end, SequenceFinished)
    return told.end


def test_a_second_turn_computes_only_what_is_new() -> None:
    bench = new_bench()
    bench.run([request("first", SYSTEM, 10)])
    computed(bench)
    turn = [*SYSTEM, *answer_to(SYSTEM, 10), 7, 8, 9]
    bench.run([request("second", turn, 5)])
    assert bench.told["second"].tokens == answer_to(turn, 5)
    assert ended(bench.told["second"]).cached_tokens == 69
    assert (
        computed(bench) == 4 + 4
    )  # the last token of the answer was never computed, nor is that of this one


def test_branches_of_a_prompt_keep_what_the_other_branch_holds() -> None:
    bench = new_bench()
    for name, end in (("a", 1), ("b", 2), ("a again", 1)):
        prompt = [*SYSTEM, *[end] * 20]
        bench.run([request(name, prompt, 5)])
        assert bench.told[name].tokens == answer_to(prompt, 5)
    assert ended(bench.told["b"]).cached_tokens == 60
    assert ended(bench.told["a again"]).cached_tokens == 78


def test_a_running_sequence_shares_what_it_has_read() -> None:
    bench = new_bench()
    bench.submit(request("long", SYSTEM, 100))
    bench.step()
    bench.step()
    bench.submit(request("late", [*SYSTEM, 3], 5))
    bench.run()
    assert ended(bench.told["late"]).cached_tokens == 59


def test_equal_prompts_that_arrive_together_are_read_once() -> None:
    bench = new_bench(slots=4)
    prompt = [*SYSTEM, *OTHER]
    bench.run([request(f"n{i}", prompt, 5) for i in range(4)])
    assert all(told.tokens == answer_to(prompt, 5) for told in bench.told.values())
    assert computed(bench) == len(prompt) + 3 * FEWEST + 4 * 4
    assert [ended(bench.told[f"n{i}"]).cached_tokens for i in range(4)] == [0, 118, 118, 118]


def test_who_waits_for_another_to_read_goes_on_when_that_one_leaves() -> None:
    bench = new_bench()
    prompt = [*SYSTEM, *OTHER]
    bench.submit(request("leader", prompt, 5))
    bench.submit(request("follower", prompt, 5))
    bench.step()
    bench.cancel("leader")
    bench.run()
    assert bench.told["follower"].tokens == answer_to(prompt, 5)


def test_short_beginnings_are_not_worth_sharing() -> None:
    bench = new_bench()
    few = SYSTEM[: SHARED_LEAST - 1]
    bench.run([request("a", [*few, 70], 5)])
    bench.run([request("b", [*few, 71], 5)])
    assert ended(bench.told["b"]).cached_tokens == 0


def test_who_outgrows_the_original_context_is_read_anew_piece_by_piece() -> None:
    bench = new_bench()
    bench.model.decoder.original_context = 100
    bench.run([request("a", SYSTEM, 60), request("b", OTHER, 60)])
    assert bench.told["a"].tokens == answer_to(SYSTEM, 60)
    decoder = bench.model.decoder
    assert isinstance(decoder, CheckingDecoder)
    assert max(len(entry.tokens) for batch in decoder.batches for entry in batch) <= 33
    bench.run([request("long", [*SYSTEM, *OTHER], 5)])
    assert ended(bench.told["long"]).cached_tokens == 60, "of the one that became long"
    bench.run([request("short", [*SYSTEM, 7], 5)])
    assert ended(bench.told["short"]).cached_tokens == 0, "what was computed with other factors is of no use"


def test_the_longest_unused_slot_gives_way_first() -> None:
    bench = new_bench(slots=2)
    prompts = {name: [i * 30 + n for n in range(25)] for i, name in enumerate("abc")}
    for name in "abc":
        bench.run([request(name, prompts[name], 2)])
    bench.run([request("b again", [*prompts["b"], 1], 2), request("a again", [*prompts["a"], 1], 2)])
    assert ended(bench.told["b again"]).cached_tokens == 24
    assert ended(bench.told["a again"]).cached_tokens == 0


def test_idle_slots_give_their_memory_to_running_ones() -> None:
    bench = new_bench(memory=200)
    bench.run([request("a", SYSTEM, 20)])
    bench.run([request("b", OTHER, 100)])
    assert bench.told["b"].tokens == answer_to(OTHER, 100)
    assert ended(bench.told["b"]).reason == "length"


def test_when_memory_ends_the_latest_waits_and_goes_on_later() -> None:
    bench = new_bench(memory=250)
    bench.run([request("a", SYSTEM, 120), request("b", OTHER, 120)])
    assert bench.scheduler.preemptions > 0
    assert bench.told["a"].tokens == answer_to(SYSTEM, 120)
    assert bench.told["b"].tokens == answer_to(OTHER, 120)
    assert ended(bench.told["b"]).completion_tokens == 120


def test_the_context_is_no_longer_than_memory_allows() -> None:
    bench = new_bench(memory=90)
    assert bench.model.kv.context == 90
    bench.run([request("a", SYSTEM, 30)])
    assert ended(bench.told["a"]).completion_tokens == 30


def test_a_deadline_ends_who_runs_and_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = new_bench(slots=1)
    bench.submit(request("runs", SYSTEM, 100, deadline_s=60.0))
    bench.submit(request("waits", OTHER, 5, deadline_s=60.0))
    bench.step()
    later = perf_counter() + 61
    monkeypatch.setattr("spark_engine.runner.scheduler.perf_counter", lambda: later)
    bench.run()
    for told in bench.told.values():
        assert isinstance(told.end, SequenceFailed)
        assert (told.end.code, told.end.status) == ("deadline_exceeded", 504)


def order_of(bench: Bench, requests: list[GenerationRequest]) -> list[str]:
    """The order in which requests begin to speak behind one that holds the only slot."""
    bench.submit(request("first", SYSTEM, 3, client="busy"))
    bench.step()
    bench.run(requests)
    return sorted((r.id for r in requests), key=lambda id: bench.told[id].first_step)


def test_a_client_with_one_request_does_not_wait_behind_one_with_many() -> None:
    flood = [request(f"f{i}", [i, *OTHER], 3, client="busy") for i in range(5)]
    assert order_of(new_bench(slots=1), [*flood, request("one", [9, *OTHER], 3, client="quiet")])[0] == "one"


def test_waiting_makes_up_for_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = request("old", [1, *OTHER], 3, priority=2), request("new", [2, *OTHER], 3, priority=0)
    assert order_of(new_bench(slots=1), [old, new]) == ["new", "old"]
    monkeypatch.setattr(queue, "AGEING_S", 1e-9)
    assert order_of(new_bench(slots=1), [old, new]) == ["old", "new"]


@given(st.lists(st.integers(0, 3), max_size=30), st.lists(st.integers(0, 3), max_size=30), st.integers(0, 30))
def test_common_beginnings(first: list[int], second: list[int], most: int) -> None:
    length = common(first, second, most)
    assert first[:length] == second[:length]
    assert length <= most
    assert length == min(most, len(first), len(second)) or first[length] != second[length]


# Prompts are made of a few beginnings, so that there is much to share.
prompts = st.tuples(
    st.sampled_from([SYSTEM, OTHER, SYSTEM[:30] + OTHER[:20]]), st.lists(st.integers(0, 2), max_size=20)
)
arrivals = st.lists(
    st.tuples(
        st.integers(0, 40),  # the step it arrives at
        prompts,
        st.integers(1, 60),  # tokens of answer
        st.none() | st.integers(0, 60),  # the step it is cancelled at
        st.integers(-1, 1),  # priority
        st.sampled_from(["", "a", "b"]),  # client
    ),
    min_size=1,
    max_size=12,
)


@given(
    arrivals,
    st.integers(4, 90),
    st.integers(150, 500),
    st.integers(1, 4),
    st.sampled_from([after, repeating]),
    st.none() | st.integers(20, 120),
)
@settings(max_examples=150)
def test_sharing_guessing_switching_and_scarce_memory_never_change_an_answer(
    drawn: list[Any], budget: int, memory: int, slots: int, predict: Predict, original: int | None
) -> None:
    bench = new_bench(slots, memory, predict)
    bench.model.decoder.original_context = original
    bench.scheduler.pace.budget = lambda decoding: budget  # type: ignore[method-assign]
    bench.scheduler.pace.costs = lambda: GUESSING_PAYS  # type: ignore[method-assign]
    step, prompts = 0, [[*first, *rest] for _, (first, rest), *_ in drawn]
    while step < 60 or not bench.scheduler.is_idle:
        for index, (arrives, _, answer, cancelled, priority, client) in enumerate(drawn):
            if arrives == step:
                bench.submit(request(f"s{index}", prompts[index], answer, priority=priority, client=client))
            if cancelled == step:
                bench.told.get(f"s{index}") and bench.cancel(f"s{index}")
        bench.step()
        step += 1
        assert step < 6000, "somebody starves"
    for index, (_, _, answer, *_) in enumerate(drawn):
        told = bench.told[f"s{index}"]
        end = ended(told)
        whole = answer_to(prompts[index], answer, predict)
        assert told.tokens == (whole if end.reason == "length" else whole[: len(told.tokens)])
        assert end.completion_tokens >= len(told.tokens)
    while bench.scheduler._slots.evict():
        pass
    assert bench.model.decoder.kv_bytes() == 0
    assert sorted(bench.scheduler._slots._free) == list(range(slots))
