"""Reads SentencePiece's `tokenizer.model`: pieces with their scores and kinds, from the bare protobuf."""

import struct
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from spark_engine.backends.torch_errors import bad_files

MOST_BYTES = 64 * 1024 * 1024
UNIGRAM, BPE = 1, 2
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_MODEL_TYPE, _DUMMY_PREFIX = 3, 3
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5
_SIZES = {_DOUBLE: 8, _FLOAT: 4}
Field = tuple[int, int | bytes]


class Piece(Struct, frozen=True):
    """One token. `kind`: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; as GGUF counts too."""

    text: str
    score: float
    kind: int


class SentencePieceModel(Struct, frozen=True):
    """The pieces in order of their ids. `adds_space`: a space is put before every text."""

    pieces: tuple[Piece, ...]
    model_type: int
    adds_space: bool


def read_model(file: Path) -> SentencePieceModel:
    """What lies in the file; Unavailable when it is no such model."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError("too large")
        return _model(file.read_bytes())
    except (OSError, ValueError, struct.error, IndexError) as error:
        raise bad_files(file.parent, f"{file.name} cannot be read: {error}") from error


def _model(data: bytes) -> SentencePieceModel:
    pieces, kind, space = [], UNIGRAM, True
    for number, value in _fields(data):
        if number == _PIECES:
            pieces.append(_piece(_message(value)))
        elif number == _TRAINER:
            kind = _last(_message(value), _MODEL_TYPE, kind)
        elif number == _NORMALIZER:
            space = bool(_last(_message(value), _DUMMY_PREFIX, int(space)))
    if not pieces:
        raise ValueError("it holds no tokens")
    return SentencePieceModel(tuple(pieces), kind, space)


def _piece(data: bytes) -> Piece:
    text, score, kind = "", 0.0, 1
    for number, value in _fields(data):
        if number == 1:
            text = _message(value).decode("utf-8", "replace")
        elif number == 2:
            (score,) = struct.unpack("<f", _message(value))
        elif number == 3 and isinstance(value, int):
            kind = value
    return Piece(text, score, kind)


def _last(data: bytes, wanted: int, otherwise: int) -> int:
    """The whole number in a field; protobuf's last one counts."""
    found = [value for number, value in _fields(data) if number == wanted and isinstance(value, int)]
    return found[-1] if found else otherwise


def _fields(data: bytes) -> Iterator[Field]:
    """Number and value of every field of a message."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        size, place = _varint(data, place) if wire == _BYTES else (_SIZES.get(wire, -1), place)
        if not 0 <= size <= len(data) - place:
            raise ValueError("a field is longer than the file")
        yield number, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("a number is too long")


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a field has another type than it should")
    return value
