"""The metadata of a GGUF file: every kind of value, in bounded numbers and lengths; long lists only counted."""

import math
import struct
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from spark_engine.catalog.formats.refusal import refuse, require, shown
from spark_engine.catalog.formats.source import Source

MOST_VALUES = 65_536
MOST_KEY = 65_535
MOST_KEPT_STRING = 1024 * 1024
MOST_KEPT = 32 * 1024 * 1024
MOST_STRINGS = 8 * 1024 * 1024
MOST_KEPT_ITEMS = 4096
_CHUNK = 1024 * 1024
_BYTE_TOKEN, _BYTE_TOKEN_LENGTH = b"<0x", 6
_LENGTH = struct.Struct("<Q")

_SCALARS = {
    number: struct.Struct("<" + code)
    for number, code in ((0, "B"), (1, "b"), (2, "H"), (3, "h"), (4, "I"), (5, "i"), (6, "f"), (7, "B"), (10, "Q"),
                         (11, "q"), (12, "d"))
}  # fmt: skip
U32, I32, F32, BOOL, STRING, ARRAY, F64 = 4, 5, 6, 7, 8, 9, 12
TOKENS, TEMPLATE = "tokenizer.ggml.tokens", "tokenizer.chat_template"


class Array(Struct, frozen=True):
    """A list of `count` values of one kind. `items`: the values, when they are few numbers."""

    kind: int
    count: int
    items: tuple[Any, ...] = ()


class Value(Struct, frozen=True):
    """A value and its kind, as GGUF numbers them."""

    kind: int
    value: Any


class Metadata:
    """A file's metadata by key; what is missing, of another kind or beyond reason reads as 0 or empty."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def kind(self, key: str) -> int:
        """The kind of a value; -1 when there is none."""
        return self._values[key].kind if key in self._values else -1

    def number(self, key: str, most: int = 2**32) -> int:
        """A whole number from 0 to `most`."""
        found = self._values.get(key)
        given = found.value if found and found.kind not in (BOOL, F32, F64) else None
        return given if isinstance(given, int) and 0 <= given <= most else 0

    def real(self, key: str) -> float:
        """A number that need not be whole."""
        found = self._values.get(key)
        given = found.value if found and found.kind in (F32, F64) else self.number(key)
        return float(given) if math.isfinite(given) else 0.0

    def numbers(self, key: str, count: int) -> tuple[int, ...]:
        """`count` numbers: a list's first ones, or one number as often."""
        listed = self.array(key).items
        if listed:
            taken = listed[:count]
            return tuple(n if isinstance(n, int) and 0 <= n <= 2**20 else 0 for n in taken)
        return (self.number(key, 2**20),) * count

    def text(self, key: str) -> str:
        """A text."""
        found = self._values.get(key)
        return found.value if found and found.kind == STRING else ""

    def array(self, key: str) -> Array:
        """A list."""
        found = self._values.get(key)
        return found.value if found and found.kind == ARRAY else Array(-1, 0)


def read_metadata(source: Source, count: int) -> Metadata:
    """The next `count` keys with their values."""
    require(count <= MOST_VALUES, "too_many_values", f"it claims to have {count} values")
    reader = _Reader(source)
    values: dict[str, Value] = {}
    for _ in range(count):
        key = read_name(source, MOST_KEY)
        require(key not in values, "duplicate_key", f"{shown(key, 60)} stands twice")
        values[key] = reader.value(key)
    return Metadata(values)


def read_name(source: Source, most: int) -> str:
    """A text of a length that names have."""
    length = source.u64()
    require(0 < length <= most, "bad_name", f"a name has {length} bytes")
    try:
        return source.read(length).decode()
    except UnicodeDecodeError:
        refuse("bad_name", "a name is no text")


class _Reader:
    """Reads values, and counts how much of them is kept."""

    def __init__(self, source: Source) -> None:
        self._source, self._kept = source, 0

    def value(self, key: str) -> Value:
        kind = self._source.u32()
        match kind:
            case 8:
                return Value(kind, self._text(key))
            case 9:
                return Value(kind, self._array(key))
            case _:
                return Value(kind, self._scalar(kind))

    def _scalar(self, kind: int) -> Any:
        require(kind in _SCALARS, "unknown_value_type", f"a value has the unknown type {kind}")
        value = self._source.unpack(_SCALARS[kind])[0]
        require(kind != BOOL or value in (0, 1), "bad_value", "a truth value is neither 0 nor 1")
        return value

    def _text(self, key: str) -> str:
        length = self._source.u64()
        if length > MOST_KEPT_STRING:
            require(key != TEMPLATE, "template_too_large", "its chat template is too long")
            self._source.skip(length)
            return ""
        self._kept += length
        require(self._kept <= MOST_KEPT, "header_too_large", "its texts are longer than those of a model")
        return self._source.read(length).decode("utf-8", "replace")

    def _array(self, key: str) -> Array:
        kind, count = self._source.u32(), self._source.u64()
        require(kind != ARRAY, "nested_list", "it has lists within lists")
        if kind == STRING:
            require(count <= MOST_STRINGS, "too_many_values", f"a list claims to have {count} texts")
            _skip_texts(self._source, count, are_tokens=key == TOKENS)
            return Array(kind, count)
        require(kind in _SCALARS, "unknown_value_type", f"a list has values of the unknown type {kind}")
        return self._numbers(kind, count)

    def _numbers(self, kind: int, count: int) -> Array:
        layout = _SCALARS[kind]
        if count > MOST_KEPT_ITEMS:
            self._source.skip(count * layout.size)
            return Array(kind, count)
        self._kept += 16 * count
        require(self._kept <= MOST_KEPT, "header_too_large", "its lists are longer than those of a model")
        data = self._source.read(count * layout.size)
        return Array(kind, count, tuple(item for (item,) in layout.iter_unpack(data)))


def _skip_texts(source: Source, count: int, *, are_tokens: bool) -> None:
    """Pass over texts, many at a time."""
    while count:
        chunk = source.peek(_CHUNK)
        passed, place = _passed(chunk, count, are_tokens=are_tokens)
        if not passed:  # longer than a chunk, or cut off
            source.skip(source.u64())
            passed, place = 1, 0
        source.skip(place)
        count -= passed


def _passed(chunk: bytes, count: int, *, are_tokens: bool) -> tuple[int, int]:
    """How many of the next texts lie whole in `chunk`, and where they end."""
    place = passed = 0
    last = len(chunk) - _LENGTH.size
    while passed < count and place <= last:
        length = _LENGTH.unpack_from(chunk, place)[0]
        end = place + 8 + length
        if end > len(chunk):
            break
        if are_tokens and length == _BYTE_TOKEN_LENGTH:
            _check_byte_token(chunk[place + 8 : end])
        place = end
        passed += 1
    return passed, place


def _check_byte_token(token: bytes) -> None:
    """Tokenizers take `<0x0A>` for a byte, and have used other signs in its place as an address."""
    if not token.startswith(_BYTE_TOKEN) or not token.endswith(b">"):
        return
    digits = token[3:5]
    require(all(chr(digit) in "0123456789abcdefABCDEF" for digit in digits), "bad_token",
            "a token stands for a byte that there is not")  # fmt: skip
