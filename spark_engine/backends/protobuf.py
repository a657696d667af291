"""Protocol buffers, as ONNX files and tokenizers are written: fields in a row, each a number, a kind and a value.

Nothing here trusts what it reads: every length is checked against what is there.
"""

from collections.abc import Iterator
from struct import Struct

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_FLOAT = Struct("<f")
Value = memoryview | int | float


def fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Numbers and contents of the fields that have a length."""
    return ((number, value) for number, value in all_fields(data) if isinstance(value, memoryview))


def integers(data: memoryview) -> Iterator[tuple[int, int]]:
    """Numbers and values of the fields that are whole numbers."""
    return ((number, value) for number, value in all_fields(data) if isinstance(value, int))


def floats(data: memoryview) -> Iterator[tuple[int, float]]:
    """Numbers and values of the fields that are numbers of 32 bits."""
    return ((number, value) for number, value in all_fields(data) if isinstance(value, float))


def all_fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Numbers and values of all fields; those of eight bytes are passed over. ValueError when they do not fit."""
    return ((number, value) for number, value, _ in wholes(data) if value is not None)


def wholes(data: memoryview) -> Iterator[tuple[int, Value | None, memoryview]]:
    """Numbers and values of all fields, and the bytes in which each is written: together they are the message again.
    Those of eight bytes are told without a value. ValueError when they do not fit."""
    place = 0
    while place < len(data):
        begin = place
        key, place = _varint(data, place)
        value, place = _value(data, key & 7, place)
        yield key >> 3, value, data[begin:place]


def _value(data: memoryview, kind: int, place: int) -> tuple[Value | None, int]:
    """The value that begins at a place, and the place after it."""
    if kind == _LENGTH:
        length, place = _varint(data, place)
        return _cut(data, place, length)
    if kind == _VARINT:
        return _varint(data, place)
    if kind == _FOUR_BYTES:
        cut, place = _cut(data, place, 4)
        return float(_FLOAT.unpack(cut)[0]), place
    if kind == _EIGHT_BYTES:
        return None, _cut(data, place, 8)[1]
    raise ValueError("a field of a kind that does not exist any more")


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """A number of at most 64 bits, seven to a byte, and the place after it."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("a number that does not end")


def _cut(data: memoryview, place: int, length: int) -> tuple[memoryview, int]:
    end = place + length
    if end > len(data):
        raise ValueError("a field that is longer than what holds it")
    return data[place:end], end


def text(value: memoryview) -> str:
    """A name; what is no UTF-8 becomes a question mark."""
    return bytes(value).decode("utf-8", "replace")


def field(number: int, body: bytes) -> bytes:
    """A field that has a length."""
    return _number(number << 3 | _LENGTH) + _number(len(body)) + body


def integer(number: int, value: int) -> bytes:
    """A field that is a whole number."""
    return _number(number << 3 | _VARINT) + _number(value)


def fraction(number: int, value: float) -> bytes:
    """A field that is a number of 32 bits."""
    return _number(number << 3 | _FOUR_BYTES) + _FLOAT.pack(value)


def _number(value: int) -> bytes:
    told = bytearray()
    while value > 127:
        told.append(value & 127 | 128)
        value >>= 7
    return bytes((*told, value))
