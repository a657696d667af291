"""What models that embed or score promise: the numbers transformers gives, whatever else is in a run."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from spark_engine.backends.encoder import Text
from spark_engine.errors import SparkError
from spark_engine.protocol.messages import LoadPlan
from spark_engine.runner.encoder_model import EncoderModel
from spark_engine.types.models import ModelKind
from tests.support.tiny_bert import LONGEST, WORDS, Kind, reference, write_bert

pytestmark = pytest.mark.component("torch")
Format = Literal["onnx", "safetensors"]
CLOSE = 1e-5
TEXTS = tuple(
    " ".join((WORDS * 3)[start : start + length]) for start, length in enumerate((3, 40, 1, 17, 8, 8))
)
Load = Callable[..., EncoderModel]


@pytest.fixture(params=["onnx", "safetensors"])
def model_format(request: pytest.FixtureRequest) -> Format:
    chosen: Format = request.param
    return chosen


@pytest.fixture
def load(tmp_path: Path, model_format: Format) -> Iterator[Load]:
    """Write a model, change its folder as the test likes, and load it."""
    loaded: list[EncoderModel] = []

    def load(
        kind: Kind = "embedder", spoil: Callable[[Path], None] = lambda folder: None, **fields: Any
    ) -> EncoderModel:
        folder = write_bert(tmp_path / "model", model_format, kind, **fields)
        spoil(folder)
        plan = LoadPlan("t:m", model_format, str(folder), kind=kind)
        loaded.append(EncoderModel.load(plan, lambda step: None))
        return loaded[-1]

    yield load
    for model in loaded:
        model.encoder.close()


def theirs(text: Text, kind: Kind = "embedder") -> Any:
    """transformers' own numbers for one text alone."""
    import torch

    inputs = {"input_ids": torch.tensor([text.tokens]), "token_type_ids": torch.tensor([text.parts])}
    with torch.inference_mode():
        output = reference(kind)(**inputs)
    return (output.logits if kind == "reranker" else output.last_hidden_state[0]).numpy()


def test_hidden_states_are_those_of_transformers_alone_and_in_company(load: Load) -> None:
    model = load()
    texts = [model.encoding.text(text) for text in TEXTS]
    together = model.encoder.encode(texts)
    for text, beside in zip(texts, together, strict=True):
        (alone,) = model.encoder.encode([text])
        assert alone.shape == (text.length, 32)
        np.testing.assert_allclose(alone, theirs(text), atol=CLOSE, rtol=0)
        np.testing.assert_allclose(beside, alone, atol=CLOSE, rtol=0)


def test_scores_are_those_of_transformers_alone_and_in_company(load: Load) -> None:
    model = load("reranker")
    assert model.encoder.kind == "reranker"
    pairs = [model.encoding.pair("where is the cat", text) for text in TEXTS[:3]]
    assert pairs[0].parts[-1] == 1, "the model is not told which text is which"
    for pair, score in zip(pairs, model.encoder.encode(pairs), strict=True):
        np.testing.assert_allclose(score, theirs(pair, "reranker"), atol=CLOSE, rtol=0)


def test_texts_are_neither_cut_nor_filled_up_whatever_the_tokenizer_wants(load: Load) -> None:
    model = load()
    assert [model.encoding.text(text).length for text in TEXTS] == [len(t.split()) + 2 for t in TEXTS]


def test_what_a_text_spells_is_no_special_token(load: Load) -> None:
    encoding = load().encoding
    framed, spelled = encoding.text("cat"), encoding.text("[SEP] cat [CLS]")
    assert not {framed.tokens[0], framed.tokens[-1]} & set(spelled.tokens[1:-1])


@pytest.mark.parametrize(("named", "meant"), [("mean_tokens", "mean"), ("cls_token", "cls"), ("", None)])
def test_the_pooling_and_the_longest_text_come_from_the_files(
    load: Load, named: str, meant: str | None
) -> None:
    encoder = load(pooling=named).encoder
    assert encoder.pooling == meant
    assert encoder.max_length == (LONGEST if named else 64)


def test_an_int8_model_is_run_text_by_text(tmp_path: Path, expect_log: Callable[[str], None]) -> None:
    """It rounds by the largest number of a run, so texts of one run would change each other."""
    from onnxruntime.quantization import quantize_dynamic

    expect_log("pre-processing before quantization")
    folder = write_bert(tmp_path / "model", "onnx")
    assert load_onnx(folder).encoder.shares_runs
    file = folder / "onnx" / "model.onnx"
    quantize_dynamic(file, folder / "onnx" / "model_quantized.onnx")
    file.unlink()
    model = load_onnx(folder)
    assert not model.encoder.shares_runs
    texts = [model.encoding.text(text) for text in TEXTS[:2]]
    (alone,) = model.encoder.encode(texts[:1])
    assert np.abs(model.encoder.encode(texts)[0] - alone).max() > CLOSE


def load_onnx(folder: Path) -> EncoderModel:
    return EncoderModel.load(LoadPlan("t:m", "onnx", str(folder), kind="embedder"), lambda step: None)


def _module(folder: Path, **changes: str) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[1] |= changes
    (folder / "modules.json").write_text(json.dumps(modules))


def _config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: _module(f, type="sentence_transformers.models.Dense"), "Dense"),
        (lambda f: _module(f, path="../elsewhere"), "points out of"),
        (lambda f: (f / "modules.json").write_text("[1"), "modules.json"),
        (
            lambda f: (f / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}'),
            "max_tokens",
        ),
        (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json"),
        (lambda f: _config(f, vocab_size="many"), "how many tokens"),
    ],
)
def test_files_that_mean_something_else_are_refused_with_the_reason(
    load: Load, spoil: Callable[[Path], None], says: str
) -> None:
    with pytest.raises(SparkError, match=says) as refused:
        load(spoil=spoil)
    assert refused.value.remedy


def test_a_model_that_sorts_into_several_classes_is_no_reranker(tmp_path: Path) -> None:
    from transformers import BertForSequenceClassification

    folder = write_bert(tmp_path / "model", "safetensors", "reranker")
    config = reference("reranker").config
    config.num_labels = 3
    BertForSequenceClassification(config).save_pretrained(folder)
    kind: ModelKind = "reranker"
    with pytest.raises(SparkError, match="3 classes"):
        EncoderModel.load(LoadPlan("t:m", "safetensors", str(folder), kind=kind), lambda step: None)


def test_a_broken_onnx_file_is_refused(tmp_path: Path) -> None:
    folder = write_bert(tmp_path / "model", "onnx")
    (folder / "onnx" / "model.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(SparkError, match="no ONNX file"):
        load_onnx(folder)


def test_a_missing_weight_is_refused_but_not_one_that_nothing_uses(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_bert(tmp_path / "model", "safetensors")
    plan = LoadPlan("t:m", "safetensors", str(folder), kind="embedder")
    weights = load_file(folder / "model.safetensors")
    used = {name: tensor for name, tensor in weights.items() if not name.startswith("pooler.")}
    assert len(used) < len(weights)
    save_file(used, folder / "model.safetensors", {"format": "pt"})
    EncoderModel.load(plan, lambda step: None).encoder.close()
    used.pop(next(name for name in used if "query" in name))
    save_file(used, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(SparkError, match="missing"):
        EncoderModel.load(plan, lambda step: None)
