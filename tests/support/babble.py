"""A model that babbles: every token may come at any time, so that only a grammar can give an answer a form."""

import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from spark_engine.backends.base import LoadStep, Logits, SlotInput
from spark_engine.backends.vocabulary import SpecialToken
from spark_engine.protocol.messages import LoadPlan, SequenceDelta, SequenceEvent
from spark_engine.runner.kv_budget import KvBudget
from spark_engine.runner.model import Model
from spark_engine.runner.prompt import PromptEncoder
from spark_engine.runner.template import ChatTemplate
from spark_engine.types.chat import ToolCall, whole_calls
from tests.support.checking import CheckingDecoder

TURNS = "{% for m in messages %}{{ m.content }}<|end|>{% endfor %}"
PIECES = (
    *(
        '{"',
        '": ',
        '", "',
        '"}',
        "}}",
        "}]",
        "[{",
        '"name"',
        "name",
        "arguments",
        "parameters",
        "get",
        "_weather",
    ),
    *(
        "add",
        "true",
        "false",
        "null",
        "12",
        " the",
        "  ",
        "\n",
        "\n  ",
        "ü",
        "🦊",
        "<|",
        "|>",
        "<tool",
        "_call>",
    ),
)


class BabbleVocabulary:
    """Single bytes, some longer pieces, the end and the given special tokens. Encodes the longest piece first."""

    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    variables: dict[str, str] = {}
    leading_space = False

    def __init__(self, *marks: str, template: str = TURNS) -> None:
        self._texts = [bytes((b,)) for b in range(256)] + [piece.encode() for piece in PIECES]
        first = len(self._texts)
        self.special = {m: SpecialToken(first + n, m) for n, m in enumerate(("<|end|>", *marks))}
        self.size = first + len(self.special)
        self.eos = frozenset({first})
        self.template = template
        self._longest = {text: id for id, text in enumerate(self._texts)}

    def encode(self, text: str) -> list[int]:
        data, ids = text.encode(errors="replace"), []
        while data:
            length = next(n for n in range(min(12, len(data)), 0, -1) if data[:n] in self._longest)
            ids.append(self._longest[data[:length]])
            data = data[length:]
        return ids

    def marked(self, text: str) -> list[int]:
        """Tokens of text in which special tokens count."""
        found = next((mark for mark in self.special if mark in text), None)
        if found is None:
            return self.encode(text)
        before, _, after = text.partition(found)
        return [*self.encode(before), self.special[found].id, *self.marked(after)]

    def piece(self, token: int) -> bytes:
        return self._texts[token] if token < len(self._texts) else b""


class BabbleDecoder(CheckingDecoder):
    """Logits from all tokens so far and a seed; brackets and quotes that close come more often, so that it ends.

    `opening`: tokens that it says first, after an end token in its prompt.
    """

    max_context = 20_000

    def __init__(self, vocabulary: BabbleVocabulary, seed: int = 0, opening: tuple[int, ...] = ()) -> None:
        super().__init__(4)
        self.vocab_size, self._seed, self._opening = vocabulary.size, seed, opening
        (self._end,) = vocabulary.eos
        closing = [*map(ord, '"}]'), *vocabulary.encode('"}'), *vocabulary.encode("}}"), *vocabulary.eos]
        self._favour = np.zeros(self.vocab_size, np.float32)
        self._favour[closing] = 4.0

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        yield LoadStep(1.0, "ready")

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        return [self._babble(entry) for entry in batch]

    def _babble(self, entry: SlotInput) -> Logits | None:
        tokens = self.tokens[entry.slot]
        tokens.extend(entry.tokens)
        if not entry.wants_logits:
            return None
        rows = [self._after(tokens[: len(tokens) - n]) for n in reversed(range(entry.last))]
        return rows[0] if entry.last == 1 else np.stack(rows)

    def _after(self, tokens: Sequence[int]) -> Logits:
        seed = zlib.crc32(np.asarray(tokens, np.int32).tobytes()) ^ self._seed
        noise = np.random.default_rng(seed).normal(size=self.vocab_size).astype(np.float32)
        place = list(tokens)[::-1].index(self._end) if self._end in tokens else len(self._opening)
        if place < len(self._opening):
            noise[self._opening[place]] = 100.0
        return noise * 2 + self._favour


def babbler(*marks: str, template: str = TURNS, seed: int = 0, opening: str = "") -> Model:
    """A loaded babbling model with these special tokens; its answers begin with `opening`, whose marks are tokens."""
    vocabulary = BabbleVocabulary(*marks, template=template)
    decoder = BabbleDecoder(vocabulary, seed, tuple(vocabulary.marked(opening)))
    return Model(decoder, vocabulary, PromptEncoder(vocabulary, ChatTemplate(template)), KvBudget(decoder))


def told(events: Sequence[SequenceEvent]) -> tuple[str, tuple[ToolCall, ...]]:
    """The text and the calls of one sequence's events."""
    deltas = [event for event in events if isinstance(event, SequenceDelta)]
    return "".join(d.text for d in deltas), whole_calls([piece for d in deltas for piece in d.calls])
