"""The streams that every contestant of a round runs: seeded, so that all run the same ones."""

import random

from msgspec import Struct

ORDINARY = range(300, 800)
"""Token ids that stand for some text in every vocabulary, and none of them for anything special."""
PROMPT = 24
SHORTEST, LONGEST = 0.75, 1.25


class StreamPlan(Struct, frozen=True):
    """One stream: its prompt's token ids, the tokens of its answer, and when it arrives after the start."""

    prompt: tuple[int, ...]
    tokens: int
    arrives_s: float = 0.0


def workload(
    streams: int, tokens: int, arrival_s: float, seed: int, prompt: int = PROMPT
) -> tuple[StreamPlan, ...]:
    """One stream of just `tokens` after `prompt` tokens; or several of different lengths, so many on average, arriving
    at random.

    Lengths are spread evenly and shuffled, so that every seed asks for the same work. Arrivals are those of a Poisson
    process with `streams` arrivals within `arrival_s` seconds, counted from the first.
    """
    rng = random.Random(seed)
    if streams == 1:
        return (StreamPlan(_prompt(rng, prompt), tokens),)
    prompts = _shuffled(rng, _even(streams, prompt / 3, prompt * 5 / 3))
    answers = _shuffled(rng, _even(streams, SHORTEST * tokens, LONGEST * tokens))
    arrivals = sorted(rng.uniform(0, arrival_s) for _ in range(streams))
    return tuple(
        StreamPlan(_prompt(rng, length), max(2, answer), arrival - arrivals[0])
        for length, answer, arrival in zip(prompts, answers, arrivals, strict=True)
    )


def together(streams: tuple[StreamPlan, ...]) -> tuple[StreamPlan, ...]:
    """The same streams, all there from the start: for engines that cannot let one join later."""
    return tuple(StreamPlan(s.prompt, s.tokens) for s in streams)


def _even(count: int, least: float, most: float) -> list[int]:
    return [round(least + (most - least) * place / (count - 1)) for place in range(count)]


def _shuffled(rng: random.Random, values: list[int]) -> list[int]:
    rng.shuffle(values)
    return values


def _prompt(rng: random.Random, length: int) -> tuple[int, ...]:
    return tuple(rng.choice(ORDINARY) for _ in range(length))
