"""What an ONNX graph's weights amount to: their bytes, how many numbers they stand for, in which precision."""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from spark_engine.catalog.formats.facts import PRECISIONS, dominant
from spark_engine.catalog.formats.onnx_model import OnnxModel, Tensor
from spark_engine.catalog.formats.onnx_types import BITS, TYPES

_PACKS = {"MatMulNBits": (1, (2, 3, 4)), "GatherBlockQuantized": (0, (2, 3))}
"""Which input of an operator holds packed weights, and which hold what unpacks them."""
_NUMBERS = frozenset(PRECISIONS)
_TABLES = ("cos_cache", "sin_cache")
_USUAL_BITS = 4


class Weights(Struct, frozen=True):
    """Sizes as those of `Inspection`."""

    bytes: int
    parameters: int
    quantization: str


def summed(models: Sequence[OnnxModel]) -> Weights:
    """All files of a model together. Values that several tensors share in a file count once."""
    sizes: Counter[str] = Counter()
    parameters = 0
    for model in models:
        packed, beside = _packed(model)
        for tensor in _distinct(model.weights):
            bits = packed.get(tensor.name, 0)
            sizes[f"int{bits}" if bits else PRECISIONS.get(TYPES[tensor.type], "")] += tensor.bytes
            if tensor.name not in beside:
                parameters += _parameters(tensor, bits)
    known = Counter({kind: size for kind, size in sizes.items() if kind})
    return Weights(sum(sizes.values()), parameters, dominant(known))


def _packed(model: OnnxModel) -> tuple[dict[str, int], set[str]]:
    """The names of packed tensors with their bits, and of those that unpack them. Names of other shapes of the same
    tensor lead to it."""
    sources = {
        node.output: node.inputs[0] for node in model.nodes if node.operator == "Reshape" and node.inputs
    }
    packed: dict[str, int] = {}
    beside: set[str] = set()
    for node in model.nodes:
        if node.operator in _PACKS:
            place, others = _PACKS[node.operator]
            bits = node.numbers.get("bits", _USUAL_BITS)
            bits = bits if bits in (2, 4, 8) else _USUAL_BITS
            packed |= {sources.get(name, name): bits for name in node.inputs[place : place + 1]}
            beside |= {node.inputs[other] for other in others if other < len(node.inputs)}
    return packed, beside


def _distinct(tensors: Iterable[Tensor]) -> Iterable[Tensor]:
    """Tied weights are two tensors in one place."""
    return {
        (*(tensor.external.get(key) for key in ("location", "offset")),)
        if tensor.external
        else (tensor.name,): tensor
        for tensor in tensors
    }.values()


def _parameters(tensor: Tensor, bits: int) -> int:
    if bits:
        return tensor.elements * BITS[tensor.type] // bits
    is_weight = TYPES[tensor.type] in _NUMBERS and not tensor.name.endswith(_TABLES)
    return tensor.elements if is_weight else 0
