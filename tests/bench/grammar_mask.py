"""What a grammar costs per token, with a vocabulary as large as Phi-4-mini's: the engine's mask and the sampler's pick.

    python -m tests.bench.grammar_mask [--tokens 200064] [--steps 300]

The vocabulary is made up (bytes, then words and pieces of code of usual lengths), so that no model is needed.
"""

import argparse
import json
from collections.abc import Callable
from time import perf_counter

import numpy as np
import psutil

from spark_engine.backends.vocabulary import SpecialToken
from spark_engine.runner.grammar import Grammars
from spark_engine.runner.grammar_source import source_of
from spark_engine.runner.sampler import Sampler
from spark_engine.types.generation import (
    Grammar,
    JsonObjectGrammar,
    JsonSchemaGrammar,
    RegexGrammar,
    SamplingOptions,
    StopRules,
)

PHI = 200_064
ADDRESS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 60},
        "street": {"type": "string"},
        "number": {"type": "integer", "minimum": 1, "maximum": 9999},
        "kind": {"enum": ["home", "work", "other"]},
        "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{2,12}$"}, "maxItems": 40},
    },
    "required": ["name", "street", "number", "kind", "tags"],
    "additionalProperties": False,
}
GRAMMARS: dict[str, Grammar] = {
    "any JSON object": JsonObjectGrammar(),
    "an address": JsonSchemaGrammar(json.dumps(ADDRESS)),
    "words by a regex": RegexGrammar("([a-z]{1,12} ){0,400}"),
}


class MadeUpVocabulary:
    """`size` tokens: 256 bytes, made-up words and pieces of code, twelve special ones at the end."""

    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    variables: dict[str, str] = {}
    template = ""
    leading_space = False

    def __init__(self, size: int) -> None:
        self.size = size
        first = size - 12
        names = ("<|end|>", *(f"<|special{n}|>" for n in range(11)))
        self.special = {text: SpecialToken(first + n, text) for n, text in enumerate(names)}
        self.eos = frozenset({first})
        self._texts = [bytes((b,)) for b in range(256)] + _words(first - 256)
        self._ids = {text: id for id, text in enumerate(self._texts)}

    def encode(self, text: str) -> list[int]:
        """The longest piece first."""
        data, ids = text.encode(), []
        while data:
            length = next(n for n in range(min(16, len(data)), 0, -1) if data[:n] in self._ids)
            ids.append(self._ids[data[:length]])
            data = data[length:]
        return ids

    def piece(self, token: int) -> bytes:
        """The bytes of a token; special ones have none."""
        return self._texts[token] if token < len(self._texts) else b""


def _words(count: int) -> list[bytes]:
    """Different made-up words; most begin with a space, some are code, numbers or other scripts."""
    random = np.random.default_rng(1)
    made: dict[bytes, None] = {}
    letters = (
        "abcdefghijklmnopqrstuvwxyz",
        "eтаоинсркп",
        "的一是不了人我",
        '{}[]":,.()=_-/ \n',
        "0123456789",
    )
    while len(made) < count:
        script = letters[int(random.choice(5, p=(0.72, 0.1, 0.06, 0.08, 0.04)))]
        word = "".join(random.choice(list(script), int(random.integers(2, 11))))
        word = word.capitalize() if random.random() < 0.2 else word
        made[((" " if random.random() < 0.5 else "") + word).encode()] = None
    return list(made)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=PHI)
    parser.add_argument("--steps", type=int, default=300)
    given = parser.parse_args()
    vocabulary = MadeUpVocabulary(given.tokens)
    grammars = Grammars(vocabulary, given.tokens)
    memory = psutil.Process().memory_info().rss
    took = _seconds(lambda: grammars.tokens)
    grown = (psutil.Process().memory_info().rss - memory) / 2**20
    print(f"reading {given.tokens} tokens for grammars, once per model: {took:.2f} s, {grown:.0f} MB\n")
    print(f"{'':34}{'compile':>9}{'mask':>8}{'95 %':>8}{'sample':>9}{'plain':>8}   in microseconds")
    for name, grammar in GRAMMARS.items():
        for temperature in (0.0, 1.0):
            _measure(
                f"{name}, temperature {temperature:g}",
                grammars,
                vocabulary,
                grammar,
                temperature,
                given.steps,
            )


def _measure(
    name: str,
    grammars: Grammars,
    vocabulary: MadeUpVocabulary,
    grammar: Grammar,
    temperature: float,
    steps: int,
) -> None:
    source = source_of(grammar)
    compile_s = _seconds(lambda: grammars.matcher(source, "grammar"))
    options, stop = SamplingOptions(temperature=temperature, seed=1), StopRules(ignore_eos=True)
    rows = np.random.default_rng(2).normal(size=(16, vocabulary.size)).astype(np.float32)
    masks, samples, plains = [], [], []
    while len(samples) < steps:
        mask = grammars.mask(source, "grammar")
        free = Sampler(options, stop, prompt=[], eos=frozenset())
        bound = Sampler(options, stop, prompt=[], eos=vocabulary.eos, constraint=mask)
        while not bound.is_complete and len(samples) < steps:
            row = rows[len(samples) % len(rows)]
            masks.append(_seconds(lambda mask=mask: mask.allowed(vocabulary.size)))
            samples.append(_seconds(lambda bound=bound, row=row: bound.sample(row)))
            plains.append(_seconds(lambda free=free, row=row: free.sample(row)))
    mask_us, slow_us = np.median(masks) * 1e6, np.percentile(masks, 95) * 1e6
    figures = (compile_s * 1e6, mask_us, slow_us, np.median(samples) * 1e6, np.median(plains) * 1e6)
    print(f"{name:34}{figures[0]:9.0f}{figures[1]:8.0f}{figures[2]:8.0f}{figures[3]:9.0f}{figures[4]:8.0f}")


def _seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


if __name__ == "__main__":
    main()
