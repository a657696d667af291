"""The tables of formats agree with the libraries that write these formats, where those are installed."""

import pytest

from spark_engine.catalog.formats.gguf_types import EMBEDDERS, FILE_TYPES, PROJECTORS, TENSOR_TYPES
from spark_engine.catalog.formats.model_types import OWN_CODE_NOT_NEEDED
from spark_engine.catalog.formats.onnx_types import BITS, TYPES
from spark_engine.catalog.formats.pickle_tensors import ALLOWED


def test_gguf_types_and_sizes():
    import gguf

    known = {int(kind): (kind.name, *size) for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert {number: tuple(kind) for number, kind in TENSOR_TYPES.items()}.items() <= known.items()
    unwritten = {"Q8_1", "Q8_K"}  # what llama.cpp computes with, never stored
    assert {name for name, *_ in known.values()} - {kind.name for kind in TENSOR_TYPES.values()} == unwritten


def test_gguf_kinds_of_files():
    import gguf

    named = {int(kind): kind.name for kind in gguf.LlamaFileType if kind.name != "GUESSED"}
    short = {number: name.removeprefix("MOSTLY_").removeprefix("ALL_") for number, name in named.items()}
    assert {number: name.removesuffix("_MOE") for number, name in short.items()} == FILE_TYPES


def test_gguf_architectures():
    import gguf

    assert set(gguf.MODEL_ARCH_NAMES.values()) > EMBEDDERS
    assert "clip" in PROJECTORS


def test_onnx_types():
    onnx = pytest.importorskip("onnx")
    widths = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}
    unknown = {"UNDEFINED", "STRING", "FLOAT6E2M3", "FLOAT6E3M2"}  # how six bits are packed is open
    named = {name: number for name, number in onnx.TensorProto.DataType.items() if name not in unknown}
    assert set(named.values()) == set(BITS)
    assert set(BITS) == set(TYPES) - {onnx.TensorProto.STRING}
    for name, number in named.items():
        size = onnx.helper.tensor_dtype_to_np_dtype(number).itemsize * 8
        assert BITS[number] == widths.get(name, size), name


@pytest.mark.component("torch")
def test_transformers_has_code_for_the_kinds_of_models_that_need_none_of_their_own():
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    assert set(CONFIG_MAPPING_NAMES) >= OWN_CODE_NOT_NEEDED


@pytest.mark.component("torch")
def test_pickles_may_ask_for_nothing_that_torch_refuses():
    from torch._weights_only_unpickler import _get_allowed_globals

    assert set(_get_allowed_globals()) >= ALLOWED
