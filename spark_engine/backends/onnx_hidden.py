"""Opens an ONNX decoder so that it also gives its final hidden states, which exported files keep to themselves."""

from collections.abc import Sequence

import onnxruntime as ort

from spark_engine.backends.onnx_config import OnnxConfig
from spark_engine.backends.onnx_graph import Node, mapped, nodes, with_output
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


def open_decoder(config: OnnxConfig, threads: int) -> tuple[ort.InferenceSession, str]:
    """The session of a decoder, and the name of its output of final hidden states [batch, tokens, hidden]; an empty
    name when it has none and cannot be made to give it. Logits are the same with that output and without."""
    name = _final_states(config)
    if name:
        try:
            model = with_output(config.file.read_bytes(), name)
            session = open_session(model, threads, weights=config.file.parent.absolute())
        except Exception:  # whatever is wrong with it, the file as it stands decides
            return open_session(config.file, threads), ""
        if _is_hidden(session, name):
            return session, name
    return open_session(config.file, threads), ""


def final_states(graph: Sequence[Node], logits: str) -> str:
    """The tensor that the head makes `logits` of; empty when the graph's end is of an unknown kind."""
    maker = {output: node for node in graph for output in node.outputs}
    head = _back(maker, logits, _AFTER_HEAD)
    if head not in maker or maker[head].operator not in _HEADS or not maker[head].inputs:
        return ""
    return _back(maker, maker[head].inputs[0], _BEFORE_HEAD)


def _final_states(config: OnnxConfig) -> str:
    try:
        if config.file.stat().st_size > MOST_BYTES:
            return ""
        with mapped(config.file) as model:
            return final_states(nodes(model), config.logits)
    except (OSError, ValueError):
        return ""


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
