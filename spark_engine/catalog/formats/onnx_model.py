"""Walks an ONNX file: every tensor in it wherever it hides, and what its operators say of packed weights.

Field numbers are those of onnx.proto. A message of which there can be one must stand once: readers merge two into one.
"""

import math
from collections.abc import Iterator

from msgspec import Struct, field

from spark_engine.catalog.formats.onnx_types import BITS, TYPES
from spark_engine.catalog.formats.protobuf import LENGTH, MOST_TEXT, VARINT, Field, Wire
from spark_engine.catalog.formats.refusal import refuse, require, shown
from spark_engine.catalog.formats.source import Source

MOST_DEPTH = 8
MOST_TENSORS = 200_000
MOST_NODES = 500_000
MOST_DIMENSIONS = 16
MOST_REFERENCES = 64
_EXTERNAL = 1
_FILE = "ep_cache_context"

_TEXTS = 8


class Tensor(Struct):
    """A tensor: its values stand in the file, or `external` says where (`location`, `offset`, `length` as texts)."""

    name: str = ""
    type: int = 0
    shape: list[int] = field(default_factory=list)
    raw: int = -1
    is_external: bool = False
    external: dict[str, str] = field(default_factory=dict)

    @property
    def elements(self) -> int:
        """How many values."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """How many bytes they take."""
        return -(-self.elements * BITS.get(self.type, 0) // 8)


class Node(Struct):
    """An operator; `output` is its first one. `numbers`: its attributes that are whole numbers. `file`: what it says of
    a file it wants."""

    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    output: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    file: str = ""


class OnnxModel(Struct):
    """What a file holds. `weights` are the tensors of the graph itself, `tensors` all of them."""

    version: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    graphs: int = 0
    weights: list[Tensor] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)


def read_onnx(source: Source) -> OnnxModel:
    """The model in a file. Refused when it is none."""
    walker = _Walker(Wire(source))
    walker.model(source.size)
    found = walker.found
    known = 0 < found.version < 100 and found.graphs == 1 and found.opsets
    require(bool(known), "not_onnx", "it is no ONNX model")
    return found


class _Walker:
    def __init__(self, wire: Wire) -> None:
        self._wire, self.found = wire, OnnxModel()

    def model(self, size: int) -> None:
        for part in self._wire.fields(0, size):
            match part.number:
                case 1:
                    self.found.version = self._varint(part)
                case 7:
                    self.found.graphs += 1
                    require(
                        self.found.graphs == 1, "duplicate_graph", "it has two graphs, which readers merge"
                    )
                    self._graph(part, 0, is_main=True)
                case 8:
                    self._opset(part)
                case 20:
                    refuse("training_model", "it holds a training, not only a model")
                case 25:
                    self._function(part)

    def _opset(self, message: Field) -> None:
        domain, version = "", 0
        for part in self._inside(message):
            if part.number == 1:
                domain = self._wire.text(part)
            elif part.number == 2:
                version = self._varint(part)
        self.found.opsets[domain] = version

    def _graph(self, message: Field, depth: int, *, is_main: bool = False) -> None:
        require(depth <= MOST_DEPTH, "too_deep", "its graphs are nested too deeply")
        for part in self._inside(message):
            match part.number:
                case 1:
                    self._node(part, depth)
                case 5:
                    tensor = self._tensor(part)
                    if is_main:
                        self.found.weights.append(tensor)
                case 15:
                    self._sparse(part)

    def _function(self, message: Field) -> None:
        for part in self._inside(message):
            if part.number == 7:
                self._node(part, 1)
            elif part.number == 11:
                self._attribute(part, Node(), 1)

    def _node(self, message: Field, depth: int) -> None:
        node = Node()
        for part in self._inside(message):
            match part.number:
                case 1:
                    node.inputs.append(self._wire.text(part))
                case 2:
                    node.output = node.output or self._wire.text(part)
                case 4:
                    node.operator = self._wire.text(part)
                case 5:
                    self._attribute(part, node, depth)
        self.found.nodes.append(node)
        require(len(self.found.nodes) <= MOST_NODES, "too_complex", "it has more operators than a model has")

    def _attribute(self, message: Field, node: Node, depth: int) -> None:
        name, number, text, singles = "", None, None, set[int]()
        for part in self._inside(message):
            match part.number:
                case 1:
                    name = self._wire.text(part)
                case 3:
                    number = self._varint(part)
                case 4:
                    text = part
                case 5 | 6 | 22 if part.number in singles:
                    refuse("duplicate_field", "an attribute has two values, which readers merge")
                case 5 | 10:
                    self._tensor(part)
                case 6 | 11:
                    self._graph(part, depth + 1)
                case 22 | 23:
                    self._sparse(part)
            singles.add(part.number)
        if number is not None:
            node.numbers[name] = number
        if text is not None and name == _FILE and text.value <= MOST_TEXT:
            node.file = self._wire.text(text)

    def _sparse(self, message: Field) -> None:
        """Values and their places: two tensors."""
        seen: set[int] = set()
        for part in self._inside(message):
            if part.number in (1, 2):
                require(
                    part.number not in seen, "duplicate_field", "a tensor has two values, which readers merge"
                )
                self._tensor(part)
            seen.add(part.number)

    def _tensor(self, message: Field) -> Tensor:
        tensor = Tensor()
        for part in self._inside(message):
            match part.number:
                case 1:
                    tensor.shape += self._wire.numbers(part, MOST_DIMENSIONS)
                    require(
                        len(tensor.shape) <= MOST_DIMENSIONS, "bad_shape", "a tensor has too many dimensions"
                    )
                case 2:
                    tensor.type = self._varint(part)
                case 8:
                    tensor.name = self._wire.text(part)
                case 9:
                    require(
                        part.kind == LENGTH and tensor.raw < 0, "duplicate_field", "a tensor has two values"
                    )
                    tensor.raw = part.value
                case 13:
                    self._external(part, tensor)
                case 14:
                    tensor.is_external = self._varint(part) == _EXTERNAL
        self._check(tensor)
        self.found.tensors.append(tensor)
        require(
            len(self.found.tensors) <= MOST_TENSORS,
            "too_many_tensors",
            "it has more tensors than a model has",
        )
        return tensor

    def _external(self, message: Field, tensor: Tensor) -> None:
        key = value = ""
        for part in self._inside(message):
            if part.number == 1:
                key = self._wire.text(part)
            elif part.number == 2:
                value = self._wire.text(part)
        fits = key not in tensor.external and len(tensor.external) < MOST_REFERENCES
        require(fits, "duplicate_key", "a tensor says twice where its values are")
        tensor.external[key] = value

    def _check(self, tensor: Tensor) -> None:
        name = shown(tensor.name, 60)
        require(tensor.type in TYPES, "unknown_tensor_type", f"{name} has the unknown type {tensor.type}")
        possible = all(0 <= size < 2**48 for size in tensor.shape) and tensor.elements < 2**56
        require(possible, "bad_shape", f"{name} has no possible shape")
        fits = tensor.raw < 0 or (tensor.type != _TEXTS and tensor.raw == tensor.bytes)
        require(fits or tensor.is_external, "size_mismatch", f"{name} has another size than its shape says")
        is_said = tensor.is_external or bool(tensor.external)
        require(not is_said or bool(tensor.external.get("location")), "bad_external_data",
                f"{name} does not say where its values are")  # fmt: skip
        require(
            not is_said or tensor.type != _TEXTS, "bad_external_data", f"{name} has texts in another file"
        )

    def _inside(self, message: Field) -> Iterator[Field]:
        require(message.kind == LENGTH, "bad_message", "a part of it is of the wrong kind")
        return self._wire.fields(message.start, message.value)

    def _varint(self, part: Field) -> int:
        require(part.kind == VARINT, "bad_message", "a number in it is none")
        return part.value
