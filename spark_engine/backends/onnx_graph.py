"""Reads an ONNX file's graph without the onnx package, and makes small changes to it: more inputs and outputs, other
kernels.

Field numbers are those of onnx.proto.
"""

import mmap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from spark_engine.backends.protobuf import field, fields, floats, integer, integers, text, wholes

MOST_NODES = 200_000
_GRAPH, _OPERATOR_SET = 7, 8
_NODE, _INITIALIZER, _INPUT, _OUTPUT = 1, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 4, 5, 7
_ATTRIBUTE_NAME, _ATTRIBUTE_FLOAT, _ATTRIBUTE_INTEGER = 1, 2, 3
_TENSOR_SIZES, _TENSOR_TYPE, _TENSOR_NAME = 1, 2, 8
_VALUE_TYPE, _TYPE_TENSOR, _ELEMENT_TYPE, _SHAPE, _SIZE = 2, 1, 1, 2, 1
_INT64 = 7
_SET_DOMAIN, _SET_VERSION = 1, 2
_NAME = 1


class Node(Struct, frozen=True):
    """An operator, the names of the tensors it reads and writes, and the domain of operators it is one of."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    domain: str = ""


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
    for number, graph in fields(model):
        if number != _GRAPH:
            continue
        for inner, value in fields(graph):
            if inner == _NODE:
                found.append(read_node(value))
                if len(found) > MOST_NODES:
                    raise ValueError("more nodes than a model has")
    return found


def with_output(model: bytes, name: str) -> bytes:
    """The model with one more output. A later part of a message is merged into an earlier one, so a second graph
    that has nothing but this output is enough."""
    output = field(_OUTPUT, field(_NAME, name.encode()))
    return model + field(_GRAPH, output)


def with_lists(model: bytes, names: Sequence[str], rewired: Callable[[Node], Sequence[str] | None]) -> bytes:
    """The model with more inputs, each a list of whole numbers [any], which is empty where nothing is given; and with
    nodes reading what `rewired` says, where it says anything. ValueError as in `nodes`."""
    parts = list[bytes | memoryview]()
    for number, value, whole in wholes(memoryview(model)):
        if number == _GRAPH and isinstance(value, memoryview):
            parts.append(field(_GRAPH, _rewired(value, rewired)))
        else:
            parts.append(whole)
    lists = b"".join(_list_input(name.encode()) for name in names)
    return b"".join((*parts, field(_GRAPH, lists)))


def _rewired(graph: memoryview, rewired: Callable[[Node], Sequence[str] | None]) -> bytes:
    parts = list[bytes | memoryview]()
    for number, value, whole in wholes(graph):
        node = value if number == _NODE and isinstance(value, memoryview) else None
        inputs = None if node is None else rewired(read_node(node))
        if node is None or inputs is None:
            parts.append(whole)
        else:
            rest = b"".join(part for number, _, part in wholes(node) if number != _NODE_INPUT)
            reads = b"".join(field(_NODE_INPUT, name.encode()) for name in inputs)
            parts.append(field(_NODE, reads + rest))
    return b"".join(parts)


def _list_input(name: bytes) -> bytes:
    """An input and what it is when it is not given: an initializer of the same name."""
    kind = integer(_ELEMENT_TYPE, _INT64) + field(_SHAPE, field(_SIZE, b""))
    value = field(_NAME, name) + field(_VALUE_TYPE, field(_TYPE_TENSOR, kind))
    empty = integer(_TENSOR_SIZES, 0) + integer(_TENSOR_TYPE, _INT64) + field(_TENSOR_NAME, name)
    return field(_INPUT, value) + field(_INITIALIZER, empty)


def in_domain(
    model: bytes, domain: str, wanted: Callable[[memoryview, dict[str, int]], bool]
) -> bytes | None:
    """The model with every node for which `wanted` holds in another domain of operators, which must be as long a name
    as the node's own; None when there is no such node. `wanted` gets a node, and the element types of the model's
    tensors by name. ValueError as in `nodes`."""
    changed, name, found = bytearray(model), domain.encode(), 0
    with memoryview(changed) as view:
        graphs = [graph for number, graph in fields(view) if number == _GRAPH]
        types = dict(_tensor(t) for graph in graphs for n, t in fields(graph) if n == _INITIALIZER)
        for node in (value for graph in graphs for number, value in fields(graph) if number == _NODE):
            place = next((value for number, value in fields(node) if number == _NODE_DOMAIN), None)
            if place is not None and len(place) == len(name) and wanted(node, types):
                place[:] = name
                found += 1
    declared = field(_SET_DOMAIN, name) + integer(_SET_VERSION, 1)
    return bytes(changed) + field(_OPERATOR_SET, declared) if found else None


def numbers_of(node: memoryview) -> dict[str, float]:
    """A node's attributes that are numbers, by name; whole ones below zero are told modulo 2 ** 64."""
    found: dict[str, float] = {}
    for attribute in (value for number, value in fields(node) if number == _NODE_ATTRIBUTE):
        for name in (text(value) for number, value in fields(attribute) if number == _ATTRIBUTE_NAME):
            whole = next((v for n, v in integers(attribute) if n == _ATTRIBUTE_INTEGER), 0)
            found[name] = next((v for n, v in floats(attribute) if n == _ATTRIBUTE_FLOAT), whole)
    return found


def _tensor(data: memoryview) -> tuple[str, int]:
    """An initializer's name and element type."""
    name = next((text(value) for number, value in fields(data) if number == _TENSOR_NAME), "")
    return name, next((value for number, value in integers(data) if number == _TENSOR_TYPE), 0)


def read_node(data: memoryview) -> Node:
    """A node's operator and what it reads and writes."""
    inputs: list[str] = []
    outputs: list[str] = []
    operator = domain = ""
    for number, value in fields(data):
        if number == _NODE_INPUT:
            inputs.append(text(value))
        elif number == _NODE_OUTPUT:
            outputs.append(text(value))
        elif number == _NODE_OPERATOR:
            operator = text(value)
        elif number == _NODE_DOMAIN:
            domain = text(value)
    return Node(operator, tuple(inputs), tuple(outputs), domain)
