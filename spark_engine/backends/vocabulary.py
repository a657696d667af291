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
    """The tokens of one model. `size` counts ids; `special` is keyed by the token's text.

    `eos` ends an answer; `prefix` goes before raw text (a model's
    begin-of-text token) and `suffix` after it (usually none);
    `template` is the model's own Jinja chat template (empty: it has none), `variables` what it may read besides.
    `leading_space` says that the first token of an answer carries a space nobody means.
    """

    size: int
    special: Mapping[str, SpecialToken]
    eos: frozenset[int]
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    template: str
    variables: Mapping[str, str]
    leading_space: bool

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text. Never a special token, whatever the text says."""
        ...

    def piece(self, token: int) -> bytes:
        """The UTF-8 bytes a token stands for, perhaps half a character; none for special and unknown tokens."""
        ...
