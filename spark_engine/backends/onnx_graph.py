"""Reads an ONNX file's graph without the onnx package: which operators it has, and what each one computes from.

An ONNX file is a protocol buffer: a sequence of fields, each a number, a kind and a value. Nothing here trusts the
file: every length is checked against what is there. Field numbers are those of onnx.proto.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

MOST_NODES = 200_000
_GRAPH = 7
_NODE, _OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR = 1, 2, 4
_NAME = 1
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


class Node(Struct, frozen=True):
    """An operator and the names of the tensors it reads and writes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@contextmanager
def mapped(file: Path) -> Iterator[memoryview]:
    """A file's bytes, read from disk only where they are looked at. OSError or ValueError when there are none."""
    with file.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        view = memoryview(pages)
        try:
            yield view
        finally:
            view.release()


def nodes(model: memoryview) -> list[Node]:
    """The nodes of a model's main graph. ValueError when the bytes are no model, or have too many of them."""
    found: list[Node] = []
    for number, graph in _fields(model):
        if number != _GRAPH:
            continue
        for inner, value in _fields(graph):
            if inner == _NODE:
                found.append(_node(value))
                if len(found) > MOST_NODES:
                    raise ValueError("more nodes than a model has")
    return found


def with_output(model: bytes, name: str) -> bytes:
    """The model with one more output. A later part of a message is merged into an earlier one, so a second graph
    that has nothing but this output is enough."""
    output = _field(_OUTPUT, _field(_NAME, name.encode()))
    return model + _field(_GRAPH, output)


def _node(data: memoryview) -> Node:
    inputs: list[str] = []
    outputs: list[str] = []
    operator = ""
    for number, value in _fields(data):
        if number == _NODE_INPUT:
            inputs.append(_text(value))
        elif number == _NODE_OUTPUT:
            outputs.append(_text(value))
        elif number == _NODE_OPERATOR:
            operator = _text(value)
    return Node(operator, tuple(inputs), tuple(outputs))


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Numbers and contents of the fields that have a length; the others are passed over."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == _LENGTH:
            length, place = _varint(data, place)
            value, place = _cut(data, place, length)
            yield number, value
        elif kind == _VARINT:
            _, place = _varint(data, place)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            _, place = _cut(data, place, 8 if kind == _EIGHT_BYTES else 4)
        else:
            raise ValueError("a field of a kind that ONNX files do not have")


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


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8", "replace")


def _field(number: int, body: bytes) -> bytes:
    return _number(number << 3 | _LENGTH) + _number(len(body)) + body


def _number(value: int) -> bytes:
    told = bytearray()
    while value > 127:
        told.append(value & 127 | 128)
        value >>= 7
    return bytes((*told, value))
