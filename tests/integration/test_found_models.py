"""One model in all four formats, in the folders of several programs: found, inspected, put together, told apart."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

from spark_engine.backends import registry
from spark_engine.catalog.removal import remove_variant
from spark_engine.catalog.stores.scan import Surroundings, find_models
from spark_engine.engine.duplicates import find_duplicates
from spark_engine.engine.inspections import Inspections
from spark_engine.engine.scanning import read_inspected, read_known
from spark_engine.paths import BaseDir
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import ModelEntry, ModelFormat, VariantEntry
from tests.support import stores
from tests.support.stores import GGUF, ONNX, SAFETENSORS, files_of

HAS_TORCH = importlib.util.find_spec("torch") is not None


def pytorch_folder(folder: Path) -> None:
    """spark-nano as PyTorch saves it."""
    import torch
    from safetensors.torch import load_file

    stores.copied([f for f in files_of(SAFETENSORS) if f.suffix != ".safetensors"], folder)
    torch.save(load_file(SAFETENSORS / "model.safetensors"), folder / "pytorch_model.bin")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's home with spark-nano in every format, some of it twice."""
    home = tmp_path_factory.mktemp("home")
    cache = home / ".cache/huggingface/hub"
    stores.hugging_face(cache, "spark/spark-nano", files_of(SAFETENSORS))
    stores.hugging_face(cache, "spark/spark-nano-onnx", files_of(ONNX), inner="cpu/int4")
    stores.ollama(home / ".ollama/models", "spark-nano", GGUF)
    stores.copied([GGUF], home / ".lmstudio/models/spark/spark-nano-GGUF")
    linked = home / ".cache/gpt4all"
    linked.mkdir()
    os.link(home / ".lmstudio/models/spark/spark-nano-GGUF" / GGUF.name, linked / GGUF.name)
    stores.foundry_local(home / ".foundry/cache/models", "spark-nano", files_of(ONNX))
    if HAS_TORCH:
        pytorch_folder(home / "my models" / "spark-nano")
    broken = stores.copied([GGUF], home / ".lmstudio/models/some/Broken-GGUF") / GGUF.name
    broken.write_bytes(GGUF.read_bytes()[:1_000_000])
    return home


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> BaseDir:
    """A base directory whose remembered verdicts serve several tests."""
    base = BaseDir(tmp_path_factory.mktemp("shared"))
    base.create()
    return base


@pytest.fixture
def around(home: Path) -> Surroundings:
    return Surroundings(home, {}, sys.platform, folders=str(home / "my models"))


def others(entry: ModelEntry) -> dict[str, VariantEntry]:
    """The variants that belong to other programs."""
    return {v.id.partition(":")[2]: v for v in entry.variants if v.owner != "spark"}


async def test_the_same_model_in_all_formats_is_one_model(shared: BaseDir, around: Surroundings) -> None:
    models = await read_inspected(shared, around, Inspections(shared))
    found = others(models["spark-nano"])
    assert {(v.owner, v.format, v.quantization) for v in found.values()} == {
        ("huggingface", "safetensors", "float32"),
        ("huggingface", "onnx", "int4"),
        ("foundry-local", "onnx", "int4"),
        ("ollama", "gguf", "Q8_0"),
        ("lm-studio", "gguf", "Q8_0"),
        ("gpt4all", "gguf", "Q8_0"),
        *([("folder", "pytorch", "float32")] if HAS_TORCH else []),
    }
    assert len(found) == 7 if HAS_TORCH else 6
    assert all(v.kind == "generator" and not v.rejected for v in found.values())
    assert found["gguf-q8_0-ollama"].size_bytes == GGUF.stat().st_size
    assert (models["broken"].variants[0].owner, models["broken"].variants[0].format) == ("lm-studio", "gguf")
    assert models["broken"].variants[0].rejected


@pytest.mark.parametrize(
    ("model_format", "owner"),
    [
        ("onnx", "huggingface"),
        ("onnx", "foundry-local"),
        pytest.param("gguf", "ollama", marks=pytest.mark.component("gguf")),
        pytest.param("safetensors", "huggingface", marks=pytest.mark.component("torch")),
        pytest.param("pytorch", "folder", marks=pytest.mark.component("torch")),
    ],
)
async def test_what_others_have_loads_where_it_lies(
    shared: BaseDir, around: Surroundings, model_format: ModelFormat, owner: str
) -> None:
    """Through links, and from files whose name says nothing."""
    models = await read_inspected(shared, around, Inspections(shared))
    found = others(models["spark-nano"]).values()
    variant = next(v for v in found if (v.format, v.owner) == (model_format, owner))
    plan = LoadPlan(variant.id, model_format, variant.path or "", context=256, slots=1, threads=1)
    decoder = registry.find(model_format).decoder(plan)
    try:
        assert list(decoder.load(plan))
        assert decoder.vocab_size == 1024
    finally:
        decoder.close()


async def test_what_was_inspected_is_known_at_once_next_time(base: BaseDir, around: Surroundings) -> None:
    inspections = Inspections(base)
    assert not others((await read_known(base, around, inspections))["spark-nano"])
    whole = await read_inspected(base, around, inspections)
    assert await read_known(base, around, Inspections(base)) == whole


async def test_equal_files_are_found_and_counted_once(shared: BaseDir, around: Surroundings) -> None:
    models = await read_inspected(shared, around, Inspections(shared))
    groups = {group.sha256: group for group in await find_duplicates(shared, models.values())}
    gguf = groups[stores.sha256(GGUF)]
    assert set(gguf.owners) == {"spark", "ollama", "lm-studio", "gpt4all"}
    assert gguf.reclaimable_bytes == 2 * GGUF.stat().st_size, "three files, one of them under two names"
    assert [c.linked for c in gguf.copies].count(True) == 1
    weights = groups[stores.sha256(SAFETENSORS / "model.safetensors")]
    assert set(weights.owners) == {"spark", "huggingface"}
    data = groups[stores.sha256(ONNX / "model.onnx.data")]
    assert set(data.owners) == {"spark", "huggingface", "foundry-local"}
    assert data.reclaimable_bytes == 2 * data.size_bytes


async def test_removing_what_others_have_deletes_nothing(
    base: BaseDir, around: Surroundings, home: Path
) -> None:
    before = sorted((str(p), p.stat().st_size) for p in home.rglob("*") if p.is_file())
    inspections = Inspections(base)
    models = await read_inspected(base, around, inspections)
    for variant in others(models["spark-nano"]).values():
        assert remove_variant(base, variant).forgotten
    assert sorted((str(p), p.stat().st_size) for p in home.rglob("*") if p.is_file()) == before
    left = await read_inspected(base, around, inspections)
    assert not others(left["spark-nano"])
    assert [m.owner for m in find_models(base, around)] == ["lm-studio"]


async def test_a_model_in_sparks_own_folder_needs_no_card(base: BaseDir, around: Surroundings) -> None:
    shutil.copytree(SAFETENSORS, base.models / "mine" / "safetensors")
    stores.copied([GGUF], base.models / "mine" / "gguf")
    models = await read_inspected(base, around, Inspections(base))
    mine = models["mine"]
    assert [(v.id, v.format, v.quantization, v.owner) for v in mine.variants] == [
        ("mine:gguf", "gguf", "Q8_0", "spark"),
        ("mine:safetensors", "safetensors", "float32", "spark"),
    ]
    assert (mine.family, mine.parameters, mine.context) == ("phi", 5771008, 8192)
    remove_variant(base, mine.variants[0])
    assert [v.id for v in (await read_inspected(base, around, Inspections(base)))["mine"].variants] == [
        "mine:safetensors"
    ]
