"""Reads messages of protocol buffers field by field from a file; contents that nobody asks for stay on disk."""

from collections.abc import Iterator

from msgspec import Struct

from spark_engine.catalog.formats.refusal import Refused, require
from spark_engine.catalog.formats.source import Source

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
MOST_FIELDS = 4_000_000
MOST_TEXT = 4096
_MOST_VARINT_BYTES = 10
_SIZES = {EIGHT_BYTES: 8, FOUR_BYTES: 4}


class Field(Struct, frozen=True):
    """A field of a message. `value` of a varint is its number, of all others how many bytes of content begin at
    `start`."""

    number: int
    kind: int
    value: int
    start: int


class Wire:
    """A file of messages. Refused when it is longer to read than any model."""

    def __init__(self, source: Source) -> None:
        self._source, self._fields = source, 0

    def fields(self, start: int, length: int) -> Iterator[Field]:
        """The fields of the message of `length` bytes at `start`. In between others may be read."""
        end = start + length
        require(length >= 0 and end <= self._source.size, "truncated", "it ends within a message")
        while start < end:
            field = self._field(start, end)
            yield field
            start = field.start + (0 if field.kind == VARINT else field.value)

    def text(self, field: Field) -> str:
        """The content of a field that holds a text."""
        require(
            field.kind == LENGTH and field.value <= MOST_TEXT,
            "bad_message",
            "a text in it is none, or too long",
        )
        self._source.seek(field.start)
        try:
            return self._source.read(field.value).decode()
        except UnicodeDecodeError as error:
            raise Refused("bad_message", "a text in it is none") from error

    def numbers(self, field: Field, most: int) -> list[int]:
        """The whole numbers of a field: one, or several packed into it; at most `most`."""
        if field.kind == VARINT:
            return [field.value]
        require(field.kind == LENGTH, "bad_message", "a list of numbers is none")
        end, found = field.start + field.value, list[int]()
        self._source.seek(field.start)
        while self._source.place < end:
            require(len(found) < most, "bad_message", "a list of numbers is too long")
            found.append(self._varint(end))
        return found

    def _field(self, start: int, end: int) -> Field:
        self._fields += 1
        require(self._fields <= MOST_FIELDS, "too_complex", "it has more parts than a model has")
        self._source.seek(start)
        key = self._varint(end)
        number, kind = key >> 3, key & 7
        require(0 < number < 2**29, "bad_message", "a field in it has no possible number")
        value = self._value(kind, end)
        field = Field(number, kind, value, self._source.place)
        if kind != VARINT:
            require(value <= end - field.start, "truncated", "it ends within a field")
        return field

    def _value(self, kind: int, end: int) -> int:
        if kind in (VARINT, LENGTH):
            return self._varint(end)
        require(kind in _SIZES, "bad_message", "it has a field of an unknown kind")
        return _SIZES[kind]

    def _varint(self, end: int) -> int:
        value = shift = 0
        for _ in range(_MOST_VARINT_BYTES):
            require(self._source.place < end, "truncated", "it ends within a number")
            byte = self._source.read(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & (2**64 - 1)
            shift += 7
        raise Refused("bad_message", "a number in it does not end")
