"""Planning is pure: who decodes, and how prefill tokens are shared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.backends.echo import EchoVocabulary
from spark_engine.runner.answer import Answer
from spark_engine.runner.detokenizer import Detokenizer
from spark_engine.runner.pace import LEAST, MOST, SMOOTH_S, Pace
from spark_engine.runner.plan import MIN_CHUNK, fair_shares, plan_step
from spark_engine.runner.sampler import Sampler
from spark_engine.runner.sequence import Sequence
from spark_engine.types.chat import TextPrompt
from spark_engine.types.generation import GenerationRequest


def sequence(name: str, prompt: int, *, computed: int = 0, answer: int = 0, served_at: int = 0) -> Sequence:
    request = GenerationRequest(name, "m", TextPrompt("x"))
    sampler = Sampler(request.sampling, request.stop, prompt=[], eos=frozenset())
    tokens = Answer(name, Detokenizer(EchoVocabulary().piece))
    made = Sequence(request, [1] * prompt, limit=10_000, sampler=sampler, answer=tokens)
    made.tokens += [2] * answer
    made.computed, made.served_at = (prompt + answer - 1 if answer else computed), served_at
    return made


def lengths(chunks: list) -> dict[str, int]:
    return {chunk.sequence.id: chunk.length for chunk in chunks}


def test_every_decoding_sequence_gets_its_token_whatever_the_budget() -> None:
    running = [sequence(f"d{i}", 5, answer=1 + i) for i in range(8)]
    assert lengths(plan_step(running, LEAST)) == {f"d{i}": 1 for i in range(8)}


def test_logits_are_wanted_after_the_last_chunk_only() -> None:
    first, second = plan_step([sequence("a", 100), sequence("b", 10)], 64)
    assert {chunk.sequence.id: chunk.is_last for chunk in (first, second)} == {"a": False, "b": True}


def test_what_a_short_prompt_leaves_goes_to_the_long_one() -> None:
    assert lengths(plan_step([sequence("long", 1000), sequence("short", 10)], 64)) == {
        "long": 54,
        "short": 10,
    }


def test_when_prompts_are_many_those_that_waited_longest_go_first() -> None:
    running = [sequence(f"p{i}", 500, served_at=i) for i in range(8)]
    assert lengths(plan_step(running, 2 * MIN_CHUNK)) == {"p0": MIN_CHUNK, "p1": MIN_CHUNK}


def test_a_budget_below_one_chunk_still_moves_one_prompt() -> None:
    assert lengths(plan_step([sequence("a", 50), sequence("b", 50)], 5)) == {"a": 5}


@given(st.lists(st.integers(0, 600), min_size=1, max_size=12), st.integers(1, 2000))
def test_shares_are_max_min_fair(wanted: list[int], budget: int) -> None:
    shares = fair_shares(wanted, budget)
    assert all(0 <= share <= want for share, want in zip(shares, wanted, strict=True))
    assert sum(shares) == min(budget, sum(wanted))
    unsatisfied = [share for share, want in zip(shares, wanted, strict=True) if share < want]
    # Nobody has noticeably more than one who wanted more.
    assert not unsatisfied or max(shares) <= min(unsatisfied) + 1


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 5), st.integers(0, 50)), min_size=1, max_size=12),
    st.integers(LEAST, MOST),
)
def test_a_plan_stays_within_its_bounds(drawn: list[tuple[int, int, int]], budget: int) -> None:
    running = [
        sequence(str(i), prompt, answer=answer, served_at=at) for i, (prompt, answer, at) in enumerate(drawn)
    ]
    chunks = plan_step(running, budget)
    assert len({chunk.sequence.id for chunk in chunks}) == len(chunks)
    assert all(1 <= chunk.length <= chunk.sequence.remaining for chunk in chunks)
    assert {c.sequence.id for c in chunks if c.sequence.is_decoding} == {
        s.id for s in running if s.is_decoding
    }
    prefilled = sum(chunk.length for chunk in chunks if not chunk.sequence.is_decoding)
    assert prefilled <= budget
    waiting = [s for s in running if not s.is_decoding]
    assert prefilled > 0 or not waiting
    pieces = [c for c in chunks if not c.sequence.is_decoding]
    assert all(c.length > 1 and c.sequence.remaining - c.length != 1 for c in pieces)


@given(st.lists(st.integers(100, 3000), min_size=2, max_size=8), st.integers(LEAST, 200))
def test_equal_waiting_gives_equal_progress(prompts: list[int], budget: int) -> None:
    running = [sequence(str(i), prompt) for i, prompt in enumerate(prompts)]
    for step in range(1, 41):
        for chunk in plan_step(running, budget):
            chunk.sequence.computed += chunk.length
            chunk.sequence.served_at = step
        running = [s for s in running if s.remaining]
        computed = [s.computed for s in running]
        if computed:
            assert max(computed) - min(computed) <= 2 * budget


class Machine:
    """A model whose steps cost `decode` for the first stream and `row` for each more, `piece` for each run over a piece
    of a prompt, and `token`. `joins`: such a run is free beside streams."""

    def __init__(
        self, decode: float, piece: float, token: float, row: float = 0.0, *, joins: bool = False
    ) -> None:
        self.decode, self.piece, self.token, self.row = decode, piece, token, row
        self.joins, self.pace = joins, Pace(joins=joins)

    def decode_step(self, streams: int) -> float:
        """Seconds of a step without a prompt."""
        return self.decode + self.row * (streams - 1) if streams else 0.0

    def step(self, streams: int, *, reading: bool) -> tuple[int, float]:
        """Tokens read and seconds spent."""
        tokens = self.pace.budget(streams) if reading else 0
        run = 0.0 if self.joins and streams else self.piece
        seconds = self.decode_step(streams) + (run + self.token * tokens if tokens else 0)
        self.pace.record(streams, tokens, seconds, int(reading))
        return tokens, seconds


QUARTER_PHI = (0.032, 0.022, 0.008)  # measured, 2 cores


def test_a_prompt_alone_is_read_in_large_pieces() -> None:
    machine = Machine(*QUARTER_PHI)
    for _ in range(10):
        tokens, seconds = machine.step(0, reading=True)
    assert tokens >= 48
    assert seconds <= 0.6


@given(
    st.floats(0.0005, 0.2),
    st.floats(0.0, 1.5),
    st.floats(0.01, 0.3),
    st.integers(1, 8),
)
def test_streams_hardly_notice_a_prompt_being_read(
    decode: float, piece: float, token: float, streams: int
) -> None:
    machine = Machine(decode, piece * decode, token * decode)
    for _ in range(5):
        machine.step(streams, reading=False)
    steps = [machine.step(streams, reading=True) for _ in range(30)][10:]
    longest = max(seconds for _, seconds in steps)
    gap = longest / decode
    if all(tokens > LEAST + 2 for tokens, _ in steps):
        assert gap < 4 or longest < 1.1 * SMOOTH_S
    speed = sum(tokens for tokens, _ in steps) / sum(seconds for _, seconds in steps)
    alone = MOST / (machine.piece + MOST * machine.token)
    if all(tokens < MOST for tokens, _ in steps):
        assert speed >= 0.49 * alone or gap >= 3


def test_both_promises_hold_for_a_real_model() -> None:
    machine = Machine(*QUARTER_PHI)
    for reading in [False] * 5 + [True] * 20:
        tokens, seconds = machine.step(1, reading=reading)
    assert seconds < 4 * machine.decode
    assert tokens / seconds > 0.5 / machine.token


@pytest.mark.parametrize("before", [0, 5])
def test_where_a_piece_shares_its_run_streams_notice_less(before: int) -> None:
    apart, together = Machine(*QUARTER_PHI), Machine(0.032, 0.022, 0.008, joins=True)
    for machine in (apart, together):
        for _ in range(before):
            machine.step(0, reading=True)
        for reading in [False] * 5 + [True] * 20:
            tokens, seconds = machine.step(1, reading=reading)
        assert tokens / seconds > 0.5 / machine.token
        machine.row = seconds  # how long streams wait
    assert together.row < 0.8 * apart.row
    costs = together.pace.costs()
    assert 0.5 < costs.of(1) < 1.2  # one token alone is a plain step


@pytest.mark.parametrize("streams", [1, 4])
def test_what_small_pieces_cost_beside_streams_tells_nothing_of_large_ones(streams: int) -> None:
    """Where a step waits for memory, a few tokens more are free."""
    machine, decode, token = Machine(0.0, 0.0, 0.0, joins=True), 0.037, 0.0072

    def step(tokens: int, beside: int) -> float:
        seconds = max(decode, token * (beside + tokens))
        machine.pace.record(beside, tokens, seconds, int(tokens > 0))
        return seconds

    for _ in range(20):
        step(machine.pace.budget(0), 0)
    for _ in range(20):
        step(0, streams)
    gaps = [step(machine.pace.budget(streams), streams) for _ in range(200)]
    assert max(gaps) < 4 * decode


def test_what_a_deep_piece_costs_beside_its_tokens_does_not_make_pieces_ever_smaller() -> None:
    """Measured: what a piece looks back at takes up to 15 ms, whatever its size."""
    machine, decode, token = Machine(0.0, 0.0, 0.0, joins=True), 0.036, 0.0078

    def step(tokens: int, beside: int, depth: float) -> float:
        back = 0.015 * depth if tokens else 0.0
        seconds = back + (decode + token * tokens if beside else 0.02 + token * tokens)
        machine.pace.record(beside, tokens, seconds, int(tokens > 0))
        return seconds

    for _ in range(20):
        step(machine.pace.budget(0), 0, 0.5)
    for _ in range(20):
        step(0, 4, 0.0)
    took, read = [0.0], 0
    while read < 2000:
        tokens = machine.pace.budget(4)
        took.append(step(tokens, 4, read / 2000))
        read += tokens
    assert max(took) < 3.6 * decode
    assert token * read > 0.5 * sum(took)


def test_prompts_that_come_one_after_the_other_are_read_as_fast_as_the_streams_they_become_allow() -> None:
    machine = Machine(0.025, 0.017, 0.0075, row=0.007)  # measured: eight rows cost three times one
    for _ in range(10):
        machine.step(1, reading=False)
    for streams in range(1, 9):  # no step without a piece of the next one's prompt
        for _ in range(3):
            tokens, seconds = machine.step(streams, reading=True)
        assert 2 * machine.decode_step(streams) < seconds < 4 * machine.decode_step(streams)


def test_small_pieces_do_not_keep_the_pace_from_finding_larger_ones() -> None:
    machine = Machine(0.3, 0.25, 0.004)
    machine.pace.record(0, LEAST, 0.266, 1)
    for _ in range(5):
        machine.step(1, reading=False)
    for _ in range(12):
        tokens, _ = machine.step(1, reading=True)
    assert tokens > 100


def test_the_pace_follows_a_machine_that_becomes_fast() -> None:
    machine = Machine(*QUARTER_PHI)
    for _ in range(20):
        machine.step(0, reading=True)
    machine.piece = machine.token = 1e-5
    for _ in range(40):
        machine.step(0, reading=True)
    assert machine.pace.budget(0) == MOST
