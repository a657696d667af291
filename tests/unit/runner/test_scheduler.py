"""The scheduler under random arrivals, lengths and cancels: nothing lost, nothing twice, nobody starved."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_engine.backends.echo import END, EchoVocabulary
from spark_engine.protocol.messages import SequenceDelta, SequenceFailed, SequenceFinished
from spark_engine.runner.kv_budget import KvBudget
from spark_engine.runner.model import Model
from spark_engine.runner.prompt import PromptEncoder
from spark_engine.types.chat import TokensPrompt
from spark_engine.types.generation import GenerationRequest, SamplingOptions, StopRules
from tests.support.checking import CheckingDecoder
from tests.support.decoders import Bench

GREEDY = SamplingOptions(temperature=0)


@pytest.fixture
def bench() -> Bench:
    return new_bench()


def new_bench() -> Bench:
    vocabulary = EchoVocabulary()
    decoder = CheckingDecoder()
    return Bench(Model(decoder, vocabulary, PromptEncoder(vocabulary, None), KvBudget(decoder)))


def decoder_of(bench: Bench) -> CheckingDecoder:
    decoder = bench.model.decoder
    assert isinstance(decoder, CheckingDecoder)
    return decoder


def request(name: str, prompt: int, answer: int | None, **more: Any) -> GenerationRequest:
    sampling = more.pop("sampling", GREEDY)
    priority = more.pop("priority", 0)
    stop = StopRules(max_tokens=answer, **more)
    own = sum(name.encode()) % 190  # so that prompts of different names share nothing
    return GenerationRequest(name, "m", TokensPrompt((own,) * prompt), sampling, stop, priority=priority)


def expected_answer(prompt: int, answer: int) -> list[int]:
    return [(prompt + i) % 200 for i in range(answer)]


arrivals = st.lists(
    st.tuples(
        st.integers(0, 40),  # the step it arrives at
        st.integers(1, 120),  # tokens of prompt
        st.integers(1, 60),  # tokens of answer
        st.none() | st.integers(0, 60),  # the step it is cancelled at
        st.integers(-1, 1),  # priority
    ),
    min_size=1,
    max_size=12,
)


@given(arrivals, st.integers(16, 90))
@settings(max_examples=60)
def test_nothing_is_lost_repeated_or_starved(drawn: list[Any], budget: int) -> None:
    bench = new_bench()
    bench.scheduler.pace.budget = lambda decoding: budget  # type: ignore[method-assign]
    step, limit = 0, 2000
    while step < 60 or not bench.scheduler.is_idle:
        for index, (arrives, prompt, answer, cancelled, priority) in enumerate(drawn):
            if arrives == step:
                bench.submit(request(f"s{index}", prompt, answer, priority=priority))
            if cancelled == step:
                bench.told.get(f"s{index}") and bench.cancel(f"s{index}")
        bench.step()
        step += 1
        assert step < limit, "somebody starves"
    for index, (_, prompt, answer, cancelled, _) in enumerate(drawn):
        told = bench.told[f"s{index}"]
        assert isinstance(told.end, SequenceFinished)
        whole = expected_answer(prompt, answer)
        assert told.tokens == whole[: len(told.tokens)]
        if told.end.reason == "cancelled":
            assert cancelled is not None
            assert len(told.tokens) <= told.end.completion_tokens
        else:
            assert (told.end.reason, told.tokens) == ("length", whole)
            assert told.end.completion_tokens == answer
    assert bench.scheduler.running == bench.scheduler.waiting == 0
    while bench.scheduler._slots.evict():
        pass
    assert decoder_of(bench).held == [0] * 3
    assert sorted(bench.scheduler._slots._free) == [0, 1, 2]


def test_a_long_prompt_does_not_silence_those_who_speak(bench: Bench) -> None:
    bench.scheduler.pace.budget = lambda decoding: 16  # type: ignore[method-assign]
    bench.submit(request("speaks", 3, 100))
    bench.step()
    bench.submit(request("long", 150, 5))
    for _ in range(9):
        told = [event.id for event in bench.step()]
        assert "speaks" in told
    assert "long" not in told
    assert bench.told["long"].first_step < 0
    bench.step()
    assert bench.told["long"].tokens


def test_a_short_prompt_overtakes_the_rest_of_a_long_one(bench: Bench) -> None:
    bench.scheduler.pace.budget = lambda decoding: 32  # type: ignore[method-assign]
    bench.submit(request("long", 190, 5))
    bench.step()
    bench.submit(request("short", 10, 5))
    arrived = bench.scheduler.steps
    bench.run()
    assert bench.told["short"].first_step - arrived <= 2


def test_prompts_share_the_reading_evenly(bench: Bench) -> None:
    bench.scheduler.pace.budget = lambda decoding: 48  # type: ignore[method-assign]
    for name in ("a", "b", "c"):
        bench.submit(request(name, 96, 1))
    bench.run()
    assert {told.first_step for told in bench.told.values()} == {6}


def test_lower_priority_numbers_come_first_then_first_come(bench: Bench) -> None:
    for name, priority in (("x", 0), ("y", 0), ("z", 0), ("late", 5), ("second", 0), ("urgent", -1)):
        bench.submit(request(name, 4, 3 if name in "xyz" else 1, priority=priority))
    bench.run()
    order = sorted(("late", "second", "urgent"), key=lambda name: bench.told[name].end.queue_ms)  # type: ignore[union-attr]
    assert (
        order == ["urgent", "second", "late"]
        or bench.told["urgent"].first_step <= bench.told["late"].first_step
    )


def test_cancelling_during_prefill_frees_the_slot_at_once(bench: Bench) -> None:
    bench.scheduler.pace.budget = lambda decoding: 16  # type: ignore[method-assign]
    bench.submit(request("long", 150, 5))
    bench.step()
    bench.cancel("long")
    end = bench.told["long"].end
    assert isinstance(end, SequenceFinished)
    assert (end.reason, end.completion_tokens, end.prompt_tokens) == ("cancelled", 0, 150)
    assert bench.scheduler.is_idle
    assert bench.scheduler._slots.available


def test_cancelling_one_that_waits_and_one_that_is_unknown(bench: Bench) -> None:
    for name in "abcd":
        bench.submit(request(name, 4, 9))
    bench.step()
    assert (bench.scheduler.running, bench.scheduler.waiting) == (3, 1)
    bench.cancel("d")
    assert bench.scheduler.waiting == 0
    assert bench.scheduler.cancel("never heard of") is None
    bench.run()
    assert bench.scheduler.cancel("a") is None


def test_the_first_delta_comes_with_the_first_token_even_without_text(bench: Bench) -> None:
    bench.submit(request("half", 194, 4))  # 194 = 0xC2 begins a character of two bytes
    while not (events := bench.step()):
        pass
    assert events == [SequenceDelta("half", "")]
    bench.run()
    assert bench.told["half"].tokens == [194, 195, 196, 197]


def test_an_end_token_ends_and_is_not_told(bench: Bench) -> None:
    biased = SamplingOptions(temperature=0, logit_bias={END: 100.0})
    bench.run([request("a", 5, 50, sampling=biased)])
    told = bench.told["a"]
    assert isinstance(told.end, SequenceFinished)
    assert (told.tokens, told.end.reason, told.end.completion_tokens) == ([], "stop", 1)


def test_ignored_and_postponed_end_tokens(bench: Bench) -> None:
    biased = SamplingOptions(temperature=0, logit_bias={END: 100.0})
    bench.run(
        [
            request("ignored", 5, 7, sampling=biased, ignore_eos=True),
            request("postponed", 5, 50, sampling=biased, min_tokens=3),
        ]
    )
    assert bench.told["ignored"].tokens == expected_answer(5, 7)
    assert bench.told["postponed"].tokens == expected_answer(5, 3)


def test_a_stop_string_ends_the_answer_before_it(bench: Bench) -> None:
    bench.run([request("a", 60, 50, stop=("BCD",))])  # the answer would be <=>?@ABCDE…
    told = bench.told["a"]
    assert isinstance(told.end, SequenceFinished)
    assert (told.text, told.end.reason) == ("<=>?@A", "stop")
    assert told.tokens == list(b"<=>?@A")
    assert told.end.completion_tokens == 9


def test_without_a_limit_the_answer_fills_the_context(bench: Bench) -> None:
    bench.run([request("a", 150, None)])
    end = bench.told["a"].end
    assert isinstance(end, SequenceFinished)
    assert (end.reason, end.completion_tokens) == ("length", 50)


def test_nonsense_logits_end_only_their_own_sequence(bench: Bench) -> None:
    decoder_of(bench).spoils = lambda entry: entry.position == 40
    bench.run([request("bad", 38, 9), request("good", 60, 9)])
    bad, good = bench.told["bad"].end, bench.told["good"].end
    assert isinstance(bad, SequenceFailed)
    assert bad.code == "bad_logits"
    assert isinstance(good, SequenceFinished)
    assert bench.told["good"].tokens == expected_answer(60, 9)


def test_a_failed_step_costs_its_batch_and_no_more(bench: Bench, expect_log: Callable[[str], None]) -> None:
    expect_log("a step failed")
    for name in "abcd":
        bench.submit(request(name, 4, 9))
    bench.step()
    decoder_of(bench).fails = lambda: True
    bench.step()
    decoder_of(bench).fails = lambda: False
    bench.run()
    ends = {name: type(told.end) for name, told in bench.told.items()}
    assert ends == {"a": SequenceFailed, "b": SequenceFailed, "c": SequenceFailed, "d": SequenceFinished}
    assert bench.told["d"].tokens == expected_answer(4, 9)


def test_a_decoder_that_keeps_failing_ends_the_runner(
    bench: Bench, expect_log: Callable[[str], None]
) -> None:
    expect_log("a step failed")
    decoder_of(bench).fails = lambda: True
    for name in "abcdefghi":
        bench.submit(request(name, 4, 9))
    bench.step()
    bench.step()
    with pytest.raises(RuntimeError, match="fell over"):
        bench.step()


def test_times_add_up(bench: Bench) -> None:
    bench.run([request("a", 5, 20)])
    end = bench.told["a"].end
    assert isinstance(end, SequenceFinished)
    assert min(end.queue_ms, end.prefill_ms, end.decode_ms) >= 0
    assert end.decode_ms > 0


def test_log_probabilities_come_with_their_tokens(bench: Bench) -> None:
    with_logprobs = SamplingOptions(temperature=0, logprobs=2)
    bench.run([request("a", 60, 6, sampling=with_logprobs)])
    told = bench.told["a"]
    assert [entry.token for entry in told.logprobs] == told.tokens
    for entry in told.logprobs:
        assert entry.top[0].token == entry.token
        assert len(entry.top) == 2
        assert -0.1 < entry.logprob <= 0
        assert entry.text == chr(entry.token)
