"""What a vocabulary is: plain text to tokens, tokens to bytes, and the special tokens by name."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct


class SpecialToken(Struct, frozen=True):
    """A control token, written as `text`. `eats_left`/`eats_right`: white space beside it belongs to it."""

    id: int
    text: str
    eats_left: bool = False
    eats_right: bool = False


class Vocabulary(Protocol):
    """The tokens of one model."""

    @property
    def size(self) -> int:
        """How many ids there are."""
        ...

    @property
    def special(self) -> Mapping[str, SpecialToken]:
        """The special tokens by their text."""
        ...

    @property
    def eos(self) -> frozenset[int]:
        """The ids that end an answer."""
        ...

    @property
    def prefix(self) -> tuple[int, ...]:
        """What goes before raw text: a model's begin-of-text token, or nothing."""
        ...

    @property
    def suffix(self) -> tuple[int, ...]:
        """What goes after raw text; usually nothing."""
        ...

    @property
    def template(self) -> str:
        """The model's own Jinja chat template; empty when it has none."""
        ...

    @property
    def variables(self) -> Mapping[str, str]:
        """What the template may read besides the conversation (`bos_token`, …)."""
        ...

    @property
    def leading_space(self) -> bool:
        """Whether the first token of an answer carries a space nobody means."""
        ...

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text. Never a special token, whatever the text says."""
        ...

    def piece(self, token: int) -> bytes:
        """The UTF-8 bytes a token stands for, perhaps half a character; none for special and unknown tokens."""
        ...
