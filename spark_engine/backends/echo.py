"""The echo backend: no model, no files; answers with the prompt's last message, one byte per token.

It runs under the real scheduler, sampler and prompts, so it shows what everything around a model costs.
"""

import time
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.base import Decoder, Hidden, LoadStep, Logits, SlotInput
from spark_engine.backends.vocabulary import SpecialToken, Vocabulary
from spark_engine.errors import InvalidRequest
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import Pooling

_MARKS = ("<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool_response|>")
_SPECIAL = {text: SpecialToken(256 + index, text) for index, text in enumerate(_MARKS)}
END, ANSWER = _SPECIAL["<|end|>"].id, _SPECIAL["<|assistant|>"].id
SIZE = 256 + len(_MARKS)
CERTAIN = 100.0
TEMPLATE = (
    "{% for m in messages %}<|{{ 'tool_response' if m.role == 'tool' else m.role }}|>{{ m.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


class EchoVocabulary:
    """Bytes, and five marks."""

    size = SIZE
    special = _SPECIAL
    eos = frozenset({END})
    prefix: tuple[int, ...] = ()
    suffix = (ANSWER,)
    template = TEMPLATE
    variables: dict[str, str] = {}
    leading_space = False

    def encode(self, text: str) -> list[int]:
        """One token per UTF-8 byte."""
        return list(text.encode(errors="replace"))

    def piece(self, token: int) -> bytes:
        """The byte itself."""
        return bytes((token,)) if token < 256 else b""


class EchoReading:
    """A text being read: a token's hidden state says which token it is, so that a text's embedding counts them."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s

    def add(self, tokens: Sequence[int]) -> Hidden:
        """A one at the token's place, zeros at all others [tokens, SIZE]."""
        if self._delay_s:
            time.sleep(self._delay_s)
        places = np.asarray(tokens, np.int64)[:, None] % SIZE
        hidden: Hidden = (np.arange(SIZE) == places).astype(np.float32)
        return hidden

    def close(self) -> None:
        """Nothing is kept."""


class EchoOptions:
    """What a plan's path may ask for, as in `?delay_ms=5&load_ms=100`: milliseconds per step and of loading.

    `vocabulary`: how many logits there are, as many as a large model has; those without a meaning are noise.
    """

    def __init__(self, path: str) -> None:
        given = parse_qs(path.partition("?")[2])
        self.delay_s = _number(given, "delay_ms") / 1000
        self.load_s = _number(given, "load_ms") / 1000
        self.vocabulary = max(SIZE, int(_number(given, "vocabulary")))


def _number(given: dict[str, list[str]], name: str) -> float:
    try:
        return float(given.get(name, ["0"])[0])
    except ValueError:
        raise InvalidRequest("bad_option", "A wrong option", f"{name} must be a number.") from None


class EchoSlot:
    """The tokens of one slot, and where the message to repeat stands in them."""

    def __init__(self, tokens: Sequence[int] = ()) -> None:
        self.tokens: list[int] = []
        self._answer = -1
        self._offset = 0
        self.extend(tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        """Take more tokens."""
        self.tokens.extend(tokens)
        if ANSWER in tokens:
            self._answer = len(self.tokens) - 1 - self.tokens[::-1].index(ANSWER)
            self._offset = _message_start(self.tokens, self._answer) - self._answer - 1

    @property
    def next_token(self) -> int:
        """The next token of the message before the newest answer mark, `<|end|>` after its last.

        Without such a mark: the token at the place that the newest token points to.
        """
        if self._answer < 0:
            return self.tokens[self.tokens[-1] % len(self.tokens)]
        index = len(self.tokens) + self._offset
        return self.tokens[index] if index < self._answer else END


def _message_start(tokens: list[int], answer: int) -> int:
    """Where the message before the answer mark begins: after the newest mark that is no `<|end|>`."""
    start = answer
    while start > 0 and tokens[start - 1] <= END:
        start -= 1
    return start


class EchoDecoder:
    """Remembers the tokens of each slot, as a model remembers their keys and values."""

    vocab_size = SIZE
    max_slots = 0
    max_context = 0
    max_logits = 1
    rounding = 0.0
    joins = False
    original_context: int | None = None
    device = "echo"
    pooling: Pooling | None = None

    def load(self, plan: LoadPlan) -> Iterator[LoadStep]:
        """Nothing to read; waits as long as the options say."""
        self._options = EchoOptions(plan.path)
        self.max_slots, self.max_context = plan.slots, plan.context
        self.vocab_size = self._options.vocabulary
        self._rows = _noise(plan.slots, self.vocab_size)
        self._certain = [0] * plan.slots
        self._slots = [EchoSlot() for _ in range(plan.slots)]
        for tenth in range(1, 11):
            time.sleep(self._options.load_s / 10)
            yield LoadStep(tenth / 10, "listening for an echo")

    def forward(self, batch: Sequence[SlotInput]) -> list[Logits | None]:
        """Logits that are certain of the next byte of the last message, then of `<|end|>`."""
        if self._options.delay_s:
            time.sleep(self._options.delay_s)
        return [self._run(entry) for entry in batch]

    def _run(self, entry: SlotInput) -> Logits | None:
        slot = self._slots[entry.slot]
        if len(slot.tokens) != entry.position:
            raise ValueError(f"slot {entry.slot} holds {len(slot.tokens)} positions, not {entry.position}")
        slot.extend(entry.tokens)
        return self._logits(entry.slot, slot.next_token) if entry.wants_logits else None

    def _logits(self, slot: int, token: int) -> Logits:
        """The slot's row of logits, certain of this token instead of the one before."""
        row: Logits = self._rows[slot]
        row[self._certain[slot]], row[token] = 0.0, CERTAIN
        self._certain[slot] = token
        return row

    def read(self, length: int) -> "EchoReading":
        """Begin to read a text."""
        return EchoReading(self._options.delay_s)

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Take over the beginning of another slot."""
        self._slots[slot_to] = EchoSlot(self._slots[slot_from].tokens[:length])

    def truncate(self, slot: int, length: int) -> None:
        """Forget everything from `length` on."""
        self._slots[slot] = EchoSlot(self._slots[slot].tokens[:length])

    def free(self, slot: int) -> None:
        """Forget a slot."""
        self._slots[slot] = EchoSlot()

    def kv_bytes(self) -> int:
        """Eight bytes a token: the pointer a list keeps."""
        return self.kv_bytes_for([len(slot.tokens) for slot in self._slots])

    def kv_bytes_for(self, lengths: Sequence[int]) -> int:
        """Eight bytes a token."""
        return 8 * sum(lengths)

    def limit_kv(self, limit: int) -> None:
        """Nothing is kept in reserve."""

    def close(self) -> None:
        """Forget everything."""
        self._slots = []


def _noise(rows: int, vocabulary: int) -> NDArray[np.float32]:
    """A row of logits for each slot; nothing but zeros for the tokens that mean something."""
    noise = np.random.default_rng(0).standard_normal((rows, vocabulary), np.float32)
    noise[:, :SIZE] = 0.0
    return noise


def create_decoder(plan: LoadPlan) -> Decoder:
    """A new echo decoder."""
    return EchoDecoder()


def read_vocabulary(plan: LoadPlan) -> Vocabulary:
    """The bytes; they are the same for every plan."""
    return EchoVocabulary()
