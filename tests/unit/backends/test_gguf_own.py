"""4-bit GGUF files under Spark's own kernels: their weights read right, the same answers as llama.cpp's, the same bits
in any company; and whatever they do not know stays with llama.cpp."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spark_engine.backends import gguf_own, onnx_kernels
from spark_engine.backends.base import NO_ROUNDING, Decoder, Logits, SlotInput
from spark_engine.backends.gguf_blocks_check import BLOCKS, Q4_0, Q6_K, Q8_0, blocks_right, drawn, unpacked
from spark_engine.backends.gguf_graph import KNOWN_TYPES, read_graph
from spark_engine.backends.onnx_kernels_check import operator_model, rounded
from spark_engine.backends.onnx_session import open_session
from spark_engine.backends.onnx_write import FLOAT, INT64, UINT8
from spark_engine.backends.registry import find
from spark_engine.errors import SparkError
from spark_engine.protocol.messages import LoadPlan
from tests.support.decoders import gguf_file, write_gguf_of_4_bits
from tests.support.tiny_families import FIRST_WORD, VOCABULARY, write_family

WORDS = [int(word) for word in np.random.default_rng(3).integers(FIRST_WORD, VOCABULARY, 400)]
HEADS = {"hidden_size": 256, "head_dim": 64}
_LONG = {"short_factor": [1.0 + 0.02 * place for place in range(24)],
         "long_factor": [1.0 + place for place in range(24)], "partial_rotary_factor": 0.75,
         "original_max_position_embeddings": 256, "rope_type": "longrope", "rope_theta": 10000.0}  # fmt: skip
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", HEADS),
    "llama-3": ("llama-3", HEADS | {"tie_word_embeddings": True}),
    "mistral": ("mistral", HEADS | {"num_key_value_heads": 1}),
    "phi3": ("phi3", {"hidden_size": 256}),
    "phi3-long": ("phi3-long", {"hidden_size": 256, "rope_parameters": _LONG}),
}
built = pytest.mark.skipif(
    not blocks_right(Q4_0), reason="Spark's own kernels are not built, or this processor lacks AVX2"
)
pytestmark = [pytest.mark.component("gguf"), built]
convert = pytest.mark.component("convert")


class Written:
    """Writes models as GGUF files once, and opens them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, model: str, quantization: str = "Q4_0") -> Path:
        from spark_engine.backends.convert.gguf_file import GgufModelWriter

        source, file = self._folder / model, self._folder / f"{model}-{quantization}.gguf"
        if not source.exists():
            family, more = MODELS[model]
            write_family(family, source, **more)
        if not file.exists():
            work = self._folder / f"{model}-work"
            work.mkdir(exist_ok=True)
            GgufModelWriter(source, "safetensors", model, work).write(
                file, quantization, lambda done, step: None
            )
        return file


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("gguf"))


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf_of_4_bits(tmp_path_factory.mktemp("nano"))


@pytest.fixture
def opened() -> Iterator[Callable[..., Decoder]]:
    """Opens decoders, and closes them."""
    decoders = []

    def open_decoder(file: Path, *, kernels: bool = True, context: int = 512) -> Decoder:
        plan = LoadPlan("test:model", "gguf", str(file), context=context, slots=4, threads=2, kernels=kernels)
        decoder = find("gguf").decoder(plan)
        for _ in decoder.load(plan):
            pass
        decoders.append(decoder)
        return decoder

    yield open_decoder
    for decoder in decoders:
        decoder.close()


def told(decoder: Decoder, tokens: list[int], last: int = 1) -> Logits:
    (logits,) = decoder.forward([SlotInput(0, 0, tokens, True, last)])
    assert logits is not None
    logits = logits.copy()
    decoder.free(0)
    return logits


@pytest.mark.parametrize("kind", list(BLOCKS))
def test_blocks_are_what_ggufs_own_library_says(kind: int) -> None:
    import gguf

    data = drawn(kind)
    right = gguf.quants.dequantize(data.reshape(len(data), -1), gguf.GGMLQuantizationType(kind))
    assert np.array_equal(unpacked(kind, data), right)
    assert blocks_right(kind)
    assert kind in KNOWN_TYPES.values()


def product(
    kind: int, rows: int = 200, blocks: int = 3
) -> tuple[Any, NDArray[np.uint8], NDArray[np.float32]]:
    """A session that multiplies, its weights as bytes, and as numbers [rows, depth]."""
    weights, size = BLOCKS[kind]
    data = np.resize(drawn(kind), (rows, blocks, size))
    sizes = {"K": blocks * weights, "N": rows, "type": kind}
    kinds = {"rows": FLOAT, "blocks": UINT8, "wanted": INT64}
    return (
        open_session(operator_model("MatMulBlocks", kinds, ("told",), sizes), 2, kernels=True),
        data,
        unpacked(kind, data),
    )


@pytest.mark.parametrize("kind", list(BLOCKS))
def test_products_are_right_and_the_same_in_any_company(kind: int) -> None:
    session, data, wide = product(kind, rows=201)
    rows = np.random.default_rng(2).standard_normal((70, wide.shape[1]), np.float32)
    given = {"rows": rows, "blocks": data.ravel(), "wanted": np.zeros(0, np.int64)}
    (whole,) = session.run(None, given)
    right = rounded(rows) @ wide.astype(np.float64).T
    assert np.abs(whole - right).max() <= 1e-5 * np.abs(right).max()
    for count in (1, 2, 3, 4, 5, 9, 64, 65):
        assert np.array_equal(session.run(None, given | {"rows": rows[:count]})[0], whole[:count])
    (chosen,) = session.run(None, given | {"wanted": np.array([69, 0, 7])})
    assert np.array_equal(chosen[0], whole[[69, 0, 7]])


def test_the_largest_weights_do_not_overflow() -> None:
    """All of them, and all of the row, at the end of their range."""
    for kind in BLOCKS:
        session, data, _ = product(kind)
        data[...] = 0x80 if kind == Q8_0 else 0
        data[..., -2:] = 0x80 if kind == Q8_0 else data[..., -2:]
        scale = np.array([1.0], "<f2").view(np.uint8)
        data[..., slice(208, 210) if kind == Q6_K else slice(0, 2)] = scale
        if kind == Q6_K:
            data[..., 192:208] = 127
        wide = unpacked(kind, data)
        for sign in (1.0, -1.0):
            rows = np.full((5, wide.shape[1]), sign, np.float32)
            given = {"rows": rows, "blocks": data.ravel(), "wanted": np.zeros(0, np.int64)}
            right = rows.astype(np.float64) @ wide.T
            assert np.allclose(session.run(None, given)[0], right, rtol=1e-6)


def test_weights_and_tokens_that_are_not_there_are_refused() -> None:
    session, data, wide = product(Q6_K)
    rows = np.zeros((1, wide.shape[1]), np.float32)
    nobody = np.zeros(0, np.int64)
    with pytest.raises(Exception, match="laid out"):
        session.run(None, {"rows": rows, "blocks": data.ravel()[:-1], "wanted": nobody})
    sizes = {"K": 64, "N": 20, "type": Q4_0}
    table = open_session(
        operator_model("GatherBlocks", {"ids": INT64, "blocks": UINT8}, ("told",), sizes), 1, kernels=True
    )
    blocks = drawn(Q4_0).ravel()
    for bad in (-1, 20, 2**60):
        with pytest.raises(Exception, match="not there"):
            table.run(None, {"ids": np.array([bad]), "blocks": blocks})
    with pytest.raises(Exception, match="laid out"):
        table.run(None, {"ids": np.array([0]), "blocks": blocks[1:]})
    for wrong in ({"K": 65}, {"type": 12}, {"N": 0}):
        with pytest.raises(Exception, match="do not know"):
            open_session(
                operator_model("GatherBlocks", {"ids": INT64, "blocks": UINT8}, ("told",), sizes | wrong),
                1,
                kernels=True,
            )


@convert
@pytest.mark.parametrize("model", list(MODELS))
def test_it_answers_as_llama_cpp_does(written: Written, opened: Callable[..., Decoder], model: str) -> None:
    file = written.file(model)
    own, theirs = (opened(file, kernels=kernels) for kernels in (True, False))
    assert (own.joins, own.rounding, theirs.joins) == (True, NO_ROUNDING, False)
    assert (own.vocab_size, own.max_context, own.original_context) == (
        theirs.vocab_size, theirs.max_context, theirs.original_context,
    )  # fmt: skip
    for length in (20, 250, 300):
        ours, right = told(own, WORDS[:length], 8), told(theirs, WORDS[:length], 8)
        assert np.corrcoef(ours.ravel(), right.ravel())[0, 1] > 0.995


def test_a_table_of_six_bits_is_read_too(nano: Path, opened: Callable[..., Decoder]) -> None:
    own, theirs = (opened(nano, kernels=kernels) for kernels in (True, False))
    assert own.joins
    tokens = [token % 1000 + 20 for token in WORDS[:80]]
    ours, right = told(own, tokens, 16), told(theirs, tokens, 16)
    assert np.corrcoef(ours.ravel(), right.ravel())[0, 1] > 0.995
    assert (ours.argmax(1) == right.argmax(1)).mean() > 0.8


@convert
def test_a_token_has_the_same_bits_in_any_company(written: Written, opened: Callable[..., Decoder]) -> None:
    own = opened(written.file("phi3-long"))
    whole = told(own, WORDS[:300], 16)
    for cut in (1, 7, 100, 255, 257):
        own.forward([SlotInput(1, 0, WORDS[:9], False), SlotInput(0, 0, WORDS[:cut], False, reach=300)])
        _, logits = own.forward(
            [SlotInput(1, 9, [WORDS[9]], True), SlotInput(0, cut, WORDS[cut:300], True, 16, reach=300)]
        )
        assert logits is not None and np.array_equal(logits, whole)
        own.free(0)
        own.free(1)


def test_hidden_states_can_be_read(nano: Path, opened: Callable[..., Decoder]) -> None:
    states = []
    for kernels in (True, False):
        reading = opened(nano, kernels=kernels).read(40)
        states.append(reading.add([token % 1000 + 20 for token in WORDS[:40]]))
        reading.close()
    assert states[0].shape == states[1].shape
    assert np.corrcoef(states[0].ravel(), states[1].ravel())[0, 1] > 0.99


def test_another_device_is_refused_in_the_words_of_its_format(nano: Path) -> None:
    plan = LoadPlan("test:model", "gguf", str(nano), "cuda")
    with pytest.raises(SparkError, match="GGUF"):
        list(find("gguf").decoder(plan).load(plan))


def test_links_are_followed_to_where_the_file_lies(
    nano: Path, tmp_path: Path, opened: Callable[..., Decoder]
) -> None:
    """As the Hugging Face cache keeps them."""
    link = tmp_path / "model.gguf"
    link.symlink_to(nano)
    assert opened(link).joins


def changed(file: Path, folder: Path, **said: Any) -> Path:
    """A copy of a file with other metadata; None leaves a value out, `tensors` changes the list of tensors."""
    import gguf

    reader, made = gguf.GGUFReader(file), folder / "changed.gguf"
    writer = gguf.GGUFWriter(made, said.pop("architecture", reader.fields["general.architecture"].contents()))
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture" or name in said:
            continue
        kind = field.types[0]
        writer.add_key_value(name, field.contents(), kind, field.types[-1] if len(field.types) > 1 else None)
    for name, (value, kind) in ((n, v) for n, v in said.items() if v is not None and n != "tensors"):
        writer.add_key_value(name, value, kind)
    for name, tensor in said.get("tensors", lambda found: found)(tensors).items():
        writer.add_tensor(name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return made


def without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


def renamed(name: str, other: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda tensors: {other if key == name else key: value for key, value in tensors.items()}


def doubled(name: str, other: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda tensors: tensors | {other: tensors[name]}


def test_a_copy_without_changes_is_known(nano: Path, tmp_path: Path) -> None:
    assert read_graph(changed(nano, tmp_path)) is not None


@pytest.mark.parametrize(
    "said",
    [
        {"architecture": "qwen3"},
        {"phi3.attention.head_count": (8, 4)},
        {"phi3.attention.head_count": None},
        {"phi3.block_count": (6, 4)},
        {"phi3.block_count": (2**20, 4)},
        {"phi3.attention.sliding_window": (512, 4)},
        {"phi3.rope.scaling.type": ("yarn", 8)},
        {"phi3.rope.dimension_count": (47, 4)},
        {"phi3.attention.layer_norm_rms_epsilon": None},
        {"phi3.expert_count": (8, 4)},
        {"phi3.rope.scaling.factor": (4.0, 6)},
        {"phi3.rope.scale_linear": (2.0, 6)},
        {"phi3.attention.value_length": (96, 4)},
        {"tensors": without("blk.1.ffn_down.weight")},
        {"tensors": renamed("blk.1.ffn_down.weight", "blk.1.ffn_gate.weight")},
        {"tensors": doubled("output_norm.weight", "blk.0.attn_qkv.bias")},
        {
            "tensors": lambda tensors: (
                dict(tensors) | {"blk.0.attn_output.weight": tensors["blk.0.ffn_down.weight"]}
            )
        },
    ],
)
def test_what_it_does_not_know_stays_with_llama_cpp(nano: Path, tmp_path: Path, said: dict[str, Any]) -> None:
    assert read_graph(changed(nano, tmp_path, **said)) is None


def test_files_that_are_not_mostly_of_four_bits_stay_with_llama_cpp(tmp_path: Path) -> None:
    assert read_graph(gguf_file()) is None
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(gguf_file().read_bytes()[:5000])
    assert read_graph(broken) is None
    assert read_graph(tmp_path / "nothing.gguf") is None


@pytest.mark.parametrize("fault", ["no library", "wrong blocks", "not wanted"])
def test_llama_cpp_takes_over_where_the_kernels_cannot(
    nano: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[..., Decoder], fault: str
) -> None:
    for known in (onnx_kernels._is_right, onnx_kernels.computes_blocks, gguf_own._can_compute):
        known.cache_clear()
    if fault == "no library":
        monkeypatch.setattr(onnx_kernels, "kernels_library", lambda: None)
    elif fault == "wrong blocks":
        monkeypatch.setattr(onnx_kernels, "blocks_right", lambda kind: kind != Q6_K)
    decoder = opened(nano, kernels=fault != "not wanted")
    for known in (onnx_kernels._is_right, onnx_kernels.computes_blocks, gguf_own._can_compute):
        known.cache_clear()
    assert not decoder.joins
