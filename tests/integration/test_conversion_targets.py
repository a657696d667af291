"""What a variant can become, read from its own files: sizes, what is missing or in the way; and what came of it."""

from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from spark_engine.catalog.convert.origin import ConvertedFrom, write_origin
from spark_engine.catalog.library import read_library
from spark_engine.engine import conversions as module
from spark_engine.engine.component_list import Installation
from spark_engine.engine.conversions import Conversions
from spark_engine.errors import Conflict, InvalidRequest
from spark_engine.paths import BaseDir
from spark_engine.types.conversions import Agreement, ConversionTarget
from spark_engine.types.models import NotInstalled, Unloaded, VariantEntry
from tests.support.decoders import gguf_file, safetensors_folder

WEIGHTS = VariantEntry("nano:safetensors", "safetensors", "float32", 0, Unloaded(), str(safetensors_folder()))
GGUF = VariantEntry("nano:gguf-q8_0", "gguf", "Q8_0", 0, Unloaded(), str(gguf_file()))


@pytest.fixture
def conversions(base: BaseDir, monkeypatch: pytest.MonkeyPatch) -> Conversions:
    monkeypatch.setattr(module, "installation", lambda component: Installation("1", "x"))
    return Conversions(base, lambda event: None)


def by_slug(targets: tuple[ConversionTarget, ...]) -> dict[str, ConversionTarget]:
    return {target.id.partition(":")[2]: target for target in targets}


def test_weights_can_become_everything(conversions: Conversions) -> None:
    targets = by_slug(conversions.targets(WEIGHTS, {"nano:gguf-q8_0"}))
    assert {"onnx-int4", "onnx-fp16", "gguf-f16", "gguf-q8_0", "gguf-q4_k_m", "gguf-q2_k"} <= targets.keys()
    assert [slug for slug, target in targets.items() if target.here] == ["gguf-q8_0"]
    sizes = [targets[slug].size_bytes for slug in ("gguf-f16", "gguf-q8_0", "gguf-q4_k_m", "gguf-q2_k")]
    assert sizes == sorted(sizes, reverse=True)
    real = gguf_file().stat().st_size
    assert 0.7 * real < targets["gguf-q8_0"].size_bytes < 1.3 * real
    assert not any(target.missing or target.obstacle for target in targets.values())


def test_a_gguf_file_can_only_become_coarser(conversions: Conversions) -> None:
    targets = by_slug(conversions.targets(GGUF))
    assert "gguf-q4_k_m" in targets
    assert not targets.keys() & {"gguf-f16", "gguf-q8_0", "onnx-int4"}
    assert all(0 < target.size_bytes < gguf_file().stat().st_size for target in targets.values())
    onnx = replace(WEIGHTS, id="nano:onnx-int4", format="onnx", quantization="int4")
    assert conversions.targets(onnx) == ()


def test_what_is_missing_is_named(conversions: Conversions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "installation", lambda component: None)
    targets = by_slug(conversions.targets(WEIGHTS))
    assert targets["onnx-int4"].missing == ("convert",)
    assert set(targets["gguf-q8_0"].missing) == {"convert", "gguf"}
    assert by_slug(conversions.targets(GGUF))["gguf-q4_k_m"].missing == ("gguf",)


def test_what_is_in_the_way_is_said(conversions: Conversions, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = 1000

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    assert "of memory" in by_slug(conversions.targets(WEIGHTS))["onnx-int4"].obstacle


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"kind": "embedder"}, InvalidRequest),
        ({"status": NotInstalled()}, Conflict),
        ({"rejected": "It is broken."}, Conflict),
    ],
)
def test_what_can_never_be_converted(
    conversions: Conversions, changes: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        conversions.targets(replace(WEIGHTS, **changes))


def test_the_agreement_stands_beside_the_files_for_good(base: BaseDir) -> None:
    folder = base.models / "spark-nano" / "gguf-q8_0"
    folder.mkdir(parents=True)
    (folder / Path(gguf_file()).name).symlink_to(gguf_file())
    agreement = Agreement(200, 0.991, 0.002, 8, 8)
    note = ConvertedFrom(
        "spark-nano:safetensors", "/x", "gguf", "Q8_0", "writer", "2026-01-01T00:00:00+00:00", 9, agreement
    )
    write_origin(folder, note)
    variants = {v.id: v for v in read_library(base)["spark-nano"].variants}
    made = variants["spark-nano:gguf-q8_0"]
    assert (made.made_from, made.agreement) == ("spark-nano:safetensors", agreement)
    assert all(not v.made_from for id, v in variants.items() if id != made.id)
    (folder / ".spark-origin.json").write_text('{"repository": "a/b"}')
    assert not {v.id: v for v in read_library(base)["spark-nano"].variants}[made.id].made_from
