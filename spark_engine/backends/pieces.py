"""From a token's written form to the bytes it stands for, in the two ways tokenizers write them."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

from tokenizers import Tokenizer

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "\u2581"


class PieceStyle(NamedTuple):
    """How a vocabulary writes bytes. `leading_space`: a decoded text loses one space at its beginning."""

    bytes: Callable[[str], bytes]
    leading_space: bool = False

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self:
        """The style of a tokenizer, by its decoder."""
        decoder = json.loads(tokenizer.decoder.__getstate__()) if tokenizer.decoder else {}
        kinds = {part.get("type") for part in _parts(decoder)}
        if "ByteLevel" in kinds:
            return cls(_byte_level)
        if kinds & {"ByteFallback", "Metaspace", "Replace"}:
            return cls(_sentence_piece, leading_space=bool(kinds & {"Strip", "Metaspace"}))
        return cls(str.encode)


def _parts(decoder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A decoder and what it is composed of."""
    yield decoder
    for part in decoder.get("decoders", ()):
        yield from _parts(part)


def _byte_level(text: str) -> bytes:
    """Each character stands for one byte, as GPT-2 wrote them."""
    return b"".join(_BYTES.get(character) or character.encode() for character in text)


def _sentence_piece(text: str) -> bytes:
    """`<0x0A>` stands for one byte, and a low bar for a space."""
    byte = _BYTE.fullmatch(text)
    return bytes((int(byte[1], 16),)) if byte else text.replace(_SPACE, " ").encode()


def _byte_characters() -> dict[str, bytes]:
    """GPT-2's table: printable bytes are themselves, the others come after U+0100 in order."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return {chr(byte if byte in printable else next(others)): bytes((byte,)) for byte in range(256)}


_BYTES = _byte_characters()
