"""Changes an ONNX model so that one run takes tokens of many sequences, as many of each as one likes, and gives logits
of those alone that are wanted.

The exported graph takes as many tokens of every sequence. Where Spark's own operators do all that looks beyond a token,
a run may as well take all tokens in one line, if attention is told how many belong to each row of the cache. Both lists
are inputs that may be left out: then the model is what it was.
"""

from collections.abc import Iterable, Sequence

from spark_engine.backends.onnx_graph import Node, nodes, with_lists
from spark_engine.backends.onnx_kernels import is_exact
from spark_engine.backends.onnx_kernels_check import DOMAIN

COUNTS, WANTED = "spark.counts", "spark.wanted"
"""Inputs: how many tokens each row of the cache gets; the tokens whose logits are wanted."""
_LENGTHS = (5, 6)  # of attention's inputs: where each row ends, and the longest
_COUNTS_AT, _WANTED_AT = 9, 4  # what Spark's operators take the lists for
_OF_LENGTHS = frozenset((
    "Add", "Cast", "Constant", "Gather", "Greater", "Identity", "ReduceSum", "Shape", "Squeeze", "Sub", "Unsqueeze",
))  # fmt: skip


def joined(model: bytes, mask: str, hidden: str) -> bytes | None:
    """The model with both lists. `mask`: its input of lengths; `hidden`: what its head multiplies. None where something
    in it asks for as many tokens of every sequence. ValueError when the bytes are no model."""
    graph = nodes(memoryview(model))
    heads = [
        node for node in graph if node.inputs and node.inputs[0] == hidden and _is_ours(node, "MatMulNBits")
    ]
    if len(heads) != 1 or not is_exact(model) or not _is_for_lengths(graph, mask):
        return None

    def rewired(node: Node) -> Sequence[str] | None:
        if _is_ours(node, "GroupQueryAttention"):
            return _with(node, _COUNTS_AT, COUNTS)
        return _with(node, _WANTED_AT, WANTED) if node == heads[0] else None

    return with_lists(model, (COUNTS, WANTED), rewired)


def _is_ours(node: Node, operator: str) -> bool:
    return node.operator == operator and node.domain == DOMAIN


def _with(node: Node, place: int, name: str) -> Sequence[str]:
    """What a node reads, with `name` as its input number `place`, where it reads nothing yet."""
    inputs = [*node.inputs, *[""] * (place + 1 - len(node.inputs))]
    inputs[place] = name
    return inputs


def _is_for_lengths(graph: Iterable[Node], mask: str) -> bool:
    """Whether nothing is made of the mask but lengths for attention, and choices of a whole run."""
    known = {mask}
    for node in graph:  # which come in the order of their work
        touched = [place for place, name in enumerate(node.inputs) if name in known]
        if not touched or node.operator == "If":
            continue
        if _is_ours(node, "GroupQueryAttention"):
            if not set(touched) <= set(_LENGTHS):
                return False
        elif node.operator in _OF_LENGTHS:
            known |= set(node.outputs)
        else:
            return False
    return True
