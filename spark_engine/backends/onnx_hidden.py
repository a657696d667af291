"""Opens an ONNX decoder so that it also gives its final hidden states, which exported files keep to themselves, and
computes with Spark's own kernels where they can do what it needs."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import onnxruntime as ort

from spark_engine.backends.onnx_config import OnnxConfig
from spark_engine.backends.onnx_graph import Node, nodes, with_output
from spark_engine.backends.onnx_joined import joined
from spark_engine.backends.onnx_kernels import is_exact, with_kernels
from spark_engine.backends.onnx_session import open_session

MOST_BYTES = 512 * 1024 * 1024
"""Of the graph's file itself, which is held in memory twice while it is opened. Weights lie beside it."""
_STEPS = 32
# Between the multiplication that makes logits and the logits.
_AFTER_HEAD = frozenset(("Add", "Cast", "Clip", "Div", "Identity", "Mul", "Reshape", "Tanh"))
_HEADS = frozenset(("Gemm", "MatMul", "MatMulBnb4", "MatMulNBits", "DynamicQuantizeMatMul", "MatMulInteger"))
# Between the last norm and that multiplication: nothing, or the choice of the last position.
_BEFORE_HEAD = frozenset(
    ("Cast", "Gather", "GatherND", "Identity", "Reshape", "Slice", "Squeeze", "Unsqueeze")
)
_NUMBERS = ("tensor(float)", "tensor(float16)")


class Opened(NamedTuple):
    """A decoder's session; the name of its output of final hidden states [batch, tokens, hidden], empty when it has
    none and cannot be made to give it; whether a token gets the same bits in any company; whether a run takes tokens of
    many sequences in a line, see `onnx_joined`."""

    session: ort.InferenceSession
    hidden: str
    is_exact: bool = False
    joins: bool = False


class _Variant(NamedTuple):
    """A model's bytes with what was added to it: an output of hidden states, Spark's kernels, lists of tokens."""

    model: bytes
    hidden: str
    has_kernels: bool = False
    joins: bool = False


def open_decoder(config: OnnxConfig, threads: int, *, kernels: bool = True) -> Opened:
    """Open a decoder. Logits are the same with an output of hidden states and without. `kernels`: Spark's own do what
    they can of it."""
    weights = config.file.parent.absolute()
    for variant in _changed(config, kernels):
        model, name = variant.model, variant.hidden
        try:
            session = open_session(model, threads, weights=weights, kernels=variant.has_kernels)
        except Exception:  # whatever is wrong with it, the file as it stands decides
            continue
        if not name or _is_hidden(session, name):
            return Opened(session, name, variant.has_kernels and is_exact(model), variant.joins)
    return Opened(open_session(config.file, threads), "")


def _changed(config: OnnxConfig, kernels: bool) -> Iterator[_Variant]:
    """The model with what can be added to it, the best first."""
    try:
        if config.file.stat().st_size > MOST_BYTES:
            return
        model = config.file.read_bytes()
        name = final_states(nodes(memoryview(model)), config.logits)
        quick = with_kernels(model, config.head_size) if kernels else None
    except (OSError, ValueError):
        return
    if quick is not None and name:
        line = joined(quick, config.attention_mask, name)
        if line is not None:
            yield _Variant(with_output(line, name), name, has_kernels=True, joins=True)
        yield _Variant(with_output(quick, name), name, has_kernels=True)
    if quick is not None:
        yield _Variant(quick, "", has_kernels=True)
    if name:
        yield _Variant(with_output(model, name), name)


def final_states(graph: Sequence[Node], logits: str) -> str:
    """The tensor that the head makes `logits` of; empty when the graph's end is of an unknown kind."""
    maker = {output: node for node in graph for output in node.outputs}
    head = _back(maker, logits, _AFTER_HEAD)
    if head not in maker or maker[head].operator not in _HEADS or not maker[head].inputs:
        return ""
    return _back(maker, maker[head].inputs[0], _BEFORE_HEAD)


def _back(maker: dict[str, Node], name: str, through: frozenset[str]) -> str:
    """The first tensor before `name` that an operator not in `through` makes."""
    for _ in range(_STEPS):
        node = maker.get(name)
        if node is None or node.operator not in through or not node.inputs:
            return name
        name = node.inputs[0]
    return name


def _is_hidden(session: ort.InferenceSession, name: str) -> bool:
    """Whether the output is one vector of floating numbers per token."""
    output = next(value for value in session.get_outputs() if value.name == name)
    return len(output.shape) == 3 and isinstance(output.shape[2], int) and output.type in _NUMBERS
