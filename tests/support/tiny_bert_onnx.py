"""A BERT of transformers as an ONNX file, written operator by operator: exporters need more than the tests have."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Graph:
    """Nodes and weights as they come; every method gives the name of what it computes."""

    def __init__(self, weights: dict[str, NDArray[Any]]) -> None:
        from onnx import numpy_helper

        self._weights, self._as_tensor = weights, numpy_helper.from_array
        self.nodes: list[Any] = []
        self.tensors: dict[str, Any] = {}

    def put(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = name or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, value: Any) -> str:
        self.tensors[name] = self._as_tensor(np.asarray(value), name)
        return name

    def weight(self, name: str, *, transposed: bool = False) -> str:
        value = self._weights[name]
        return self.constant(name, np.ascontiguousarray(value.T if transposed else value))

    def linear(self, given: str, name: str) -> str:
        product = self.put("MatMul", given, self.weight(f"{name}.weight", transposed=True))
        return self.put("Add", product, self.weight(f"{name}.bias"))

    def norm(self, given: str, name: str, epsilon: float) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.put("LayerNormalization", given, scale, bias, axis=-1, epsilon=epsilon)

    def gelu(self, given: str) -> str:
        half = self.put("Mul", given, self.constant("half", np.float32(0.5)))
        scaled = self.put("Div", given, self.constant("root2", np.float32(math.sqrt(2))))
        erf = self.put("Add", self.put("Erf", scaled), self.constant("one", np.float32(1)))
        return self.put("Mul", half, erf)


def write_onnx(model: Any, file: Path) -> None:
    """`model` is a BertModel, which gives `last_hidden_state`, or scores pairs and gives `logits`."""
    from onnx import TensorProto, helper, save

    weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    scores = any(name.startswith("classifier.") for name in weights)
    graph = Graph({name.removeprefix("bert."): value for name, value in weights.items()})
    hidden = _encoder(graph, model.config, _embeddings(graph, model.config))
    output = _score(graph, hidden) if scores else graph.put("Identity", hidden, name="last_hidden_state")
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    shape = ["batch", 1] if scores else ["batch", "length", model.config.hidden_size]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)]
    made = helper.make_graph(graph.nodes, "bert", inputs, outputs, list(graph.tensors.values()))
    file.parent.mkdir(parents=True, exist_ok=True)
    save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(file))


def _embeddings(graph: Graph, config: Any) -> str:
    word = graph.put("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    part = graph.put("Gather", graph.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    length = graph.put("Gather", graph.put("Shape", "input_ids"), graph.constant("second", np.int64(1)))
    steps = (graph.constant("zero", np.int64(0)), length, graph.constant("step", np.int64(1)))
    places = graph.put("Range", *steps)
    place = graph.put("Gather", graph.weight("embeddings.position_embeddings.weight"), places)
    together = graph.put("Add", graph.put("Add", word, part), place)
    return graph.norm(together, "embeddings.LayerNorm", config.layer_norm_eps)


def _encoder(graph: Graph, config: Any, given: str) -> str:
    present = graph.put("Cast", "attention_mask", to=1)
    absent = graph.put("Sub", graph.constant("present", np.float32(1)), present)
    far = graph.put("Mul", absent, graph.constant("far", np.float32(-1e9)))
    mask = graph.put("Unsqueeze", far, graph.constant("axes", np.array([1, 2])))
    for layer in range(config.num_hidden_layers):
        given = _layer(graph, config, given, mask, f"encoder.layer.{layer}")
    return given


def _layer(graph: Graph, config: Any, given: str, mask: str, name: str) -> str:
    size = config.hidden_size // config.num_attention_heads
    split = graph.constant("split", np.array([0, 0, config.num_attention_heads, size]))
    query, key, value = (
        graph.put("Transpose", graph.put("Reshape", made, split), perm=perm)
        for made, perm in (
            (graph.linear(given, f"{name}.attention.self.query"), [0, 2, 1, 3]),
            (graph.linear(given, f"{name}.attention.self.key"), [0, 2, 3, 1]),
            (graph.linear(given, f"{name}.attention.self.value"), [0, 2, 1, 3]),
        )
    )
    scale = graph.constant("scale", np.float32(1 / math.sqrt(size)))
    scores = graph.put("Add", graph.put("Mul", graph.put("MatMul", query, key), scale), mask)
    seen = graph.put("Transpose", graph.put("MatMul", graph.put("Softmax", scores), value), perm=[0, 2, 1, 3])
    joined = graph.put("Reshape", seen, graph.constant("join", np.array([0, 0, config.hidden_size])))
    told = graph.linear(joined, f"{name}.attention.output.dense")
    epsilon = config.layer_norm_eps
    middle = graph.norm(graph.put("Add", told, given), f"{name}.attention.output.LayerNorm", epsilon)
    wide = graph.gelu(graph.linear(middle, f"{name}.intermediate.dense"))
    narrow = graph.linear(wide, f"{name}.output.dense")
    return graph.norm(graph.put("Add", narrow, middle), f"{name}.output.LayerNorm", epsilon)


def _score(graph: Graph, hidden: str) -> str:
    first = graph.put("Gather", hidden, graph.constant("first", np.int64(0)), axis=1)
    pooled = graph.put("Tanh", graph.linear(first, "pooler.dense"))
    return graph.put("Identity", graph.linear(pooled, "classifier"), name="logits")
