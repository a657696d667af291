"""Reading an ONNX file's graph: what real files hold, and that hostile ones cannot do more than be refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.backends import onnx_graph
from spark_engine.backends.onnx_config import read_config
from spark_engine.backends.onnx_graph import Node, mapped, nodes, with_output
from spark_engine.backends.onnx_hidden import final_states, open_decoder
from spark_engine.backends.onnx_session import open_session
from tests.support.decoders import onnx_folder

NORM, HEAD = "/final_norm/output_0", "MatMulNBits"


def varint(value: int) -> bytes:
    return bytes((value & 127 | 128, *varint(value >> 7))) if value > 127 else bytes((value,))


def field(number: int, body: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(body)) + body


def node(operator: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> bytes:
    body = b"".join(field(1, name.encode()) for name in inputs)
    body += b"".join(field(2, name.encode()) for name in outputs)
    return field(1, body + field(4, operator.encode()))


def model(*parts: bytes) -> memoryview:
    return memoryview(b"\x08\x0a" + field(2, b"a tool") + field(7, b"".join(parts)))


def chain(*operators: str) -> list[Node]:
    """From the norm to `logits`, each operator reading the one before."""
    names = [NORM, *(f"t{place}" for place in range(len(operators) - 1)), "logits"]
    made = [Node("LayerNormalization", ("x",), (NORM,))]
    made += [
        Node(op, (before, "w"), (after,))
        for op, before, after in zip(operators, names, names[1:], strict=False)
    ]
    return made


def test_nodes_are_read_and_everything_else_is_passed_over() -> None:
    unknown = b"\x70\xff\x01" + b"\x79" + bytes(8) + b"\x7d" + bytes(4) + field(5, b"weights" * 100)
    read = nodes(model(node("MatMul", ("a", "b"), ("c",)), unknown, node("Cast", ("c",), ("logits",))))
    assert read == [Node("MatMul", ("a", "b"), ("c",)), Node("Cast", ("c",), ("logits",))]


def test_the_states_before_the_head_are_found_in_a_real_model() -> None:
    config = read_config(onnx_folder())
    with mapped(config.file) as file:
        assert "norm" in final_states(nodes(file), config.logits)


@pytest.mark.parametrize(
    "operators",
    [
        (HEAD,),
        ("Gemm",),
        ("Cast", "MatMul", "Cast"),
        ("Gather", "Unsqueeze", "MatMul"),
        (HEAD, "Div", "Tanh", "Mul"),
        ("MatMul", "Add"),
    ],
)
def test_casts_cuts_and_caps_around_the_head_are_seen_through(operators: tuple[str, ...]) -> None:
    assert final_states(chain(*operators), "logits") == NORM


@pytest.mark.parametrize(
    "graph",
    [
        [],
        chain("Softmax"),
        chain(HEAD, "Softmax"),
        [Node("MatMul", (), ("logits",))],
        [Node("Add", ("logits",), ("logits",))],
        [Node("Cast", ("b",), ("a",)), Node("Cast", ("a",), ("b",)), Node("MatMul", ("a",), ("logits",))],
    ],
)
def test_a_graph_of_an_unknown_kind_gives_no_name_that_could_mislead(graph: list[Node]) -> None:
    assert final_states(graph, "logits") in ("", "a", "b")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        nodes(memoryview(data))
        nodes(memoryview(field(7, data)))
        nodes(memoryview(field(7, field(1, data))))
    except ValueError:
        pass


def test_a_file_that_is_cut_off_is_refused_or_short() -> None:
    whole = bytes(model(node("MatMul", ("a", "b"), ("c",)), node("Cast", ("c",), ("logits",))))
    for end in range(len(whole)):
        try:
            assert len(nodes(memoryview(whole[:end]))) < 2
        except ValueError:
            continue


@pytest.mark.parametrize(
    "data",
    [
        field(7, b"\x0a" + b"\xff" * 9 + b"\x01"),  # a node longer than any file
        field(7, b"\x0a" + b"\xff" * 20),  # a length that does not end
        field(7, b"\x0b"),  # a kind that is not used any more
    ],
)
def test_lengths_that_cannot_be_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"field|number"):
        nodes(memoryview(data))


def test_more_nodes_than_a_model_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_graph, "MOST_NODES", 10)
    assert len(nodes(model(*[node("Add", (), ())] * 10))) == 10
    with pytest.raises(ValueError, match="nodes"):
        nodes(model(*[node("Add", (), ())] * 11))


def test_one_more_output_changes_no_logits() -> None:
    config = read_config(onnx_folder())
    plain = open_session(config.file, 2)
    with_hidden, name, *_ = open_decoder(config, 2, kernels=False)
    assert name
    assert name in [output.name for output in with_hidden.get_outputs()]
    for length in (1, 7, 300):
        inputs = _inputs(config.layers, config.kv_heads, config.head_size, length)
        (expected,) = plain.run([config.logits], inputs)
        (alone,) = with_hidden.run([config.logits], inputs)
        both, hidden = with_hidden.run([config.logits, name], inputs)
        assert hidden.shape[:2] == (1, length)
        np.testing.assert_array_equal(alone, expected)
        np.testing.assert_array_equal(both, expected)


def test_weights_outside_of_the_folder_stay_out_of_reach(tmp_path: Path) -> None:
    """The file's bytes and its folder are given to onnxruntime apart; its own check must still hold."""
    config = read_config(onnx_folder())
    bytes_of = config.file.read_bytes()
    assert b"model.onnx.data" in bytes_of
    inside = tmp_path / "model"
    inside.mkdir()
    (tmp_path / "del.onnx.dat").write_bytes((config.file.parent / "model.onnx.data").read_bytes())
    away = with_output(bytes_of.replace(b"model.onnx.data", b"../del.onnx.dat"), "logits")
    with pytest.raises(Exception, match="escapes"):
        open_session(away, 1, weights=inside)


def _inputs(layers: int, heads: int, size: int, length: int) -> dict[str, np.ndarray]:
    tokens = np.random.default_rng(length).integers(20, 250, size=(1, length))
    empty = np.zeros((1, heads, 0, size), np.float32)
    past = {f"past_key_values.{layer}.{part}": empty for layer in range(layers) for part in ("key", "value")}
    return {"input_ids": tokens, "attention_mask": np.ones((1, length), np.int64), **past}
