"""Which variant a name means."""

import pytest
from msgspec.structs import replace

from spark_engine.engine.placement import best_variant, find
from spark_engine.errors import Conflict, NotFound
from spark_engine.types.models import (
    ModelEntry,
    ModelFormat,
    NotInstalled,
    Ready,
    Unloaded,
    VariantEntry,
    VariantStatus,
)

READY = Ready("CPU", 4096, 8, 1, 1.0, 1)


def variant(
    id: str, status: VariantStatus, format: ModelFormat = "onnx", size: int = 10, component: str | None = None
) -> VariantEntry:
    return VariantEntry(id, format, "int4", size, status, "path", component)


def model(id: str, parameters: int, *variants: VariantEntry) -> ModelEntry:
    return ModelEntry(id, id, "phi", "MIT", "", parameters, 4096, variants)


NANO = model("nano", 5, variant("nano:onnx", Unloaded()), variant("nano:gguf", Unloaded(), "gguf"))
BIG = model("big", 4000, variant("big:onnx", Unloaded(), size=1000))
ABSENT = model("absent", 9000, variant("absent:onnx", NotInstalled(), size=1))
MODELS = {m.id: m for m in (NANO, BIG, ABSENT)}


def test_a_model_stands_for_its_ready_variant_first() -> None:
    both = model("m", 1, variant("m:onnx", Unloaded()), variant("m:gguf", READY, "gguf"))
    chosen = best_variant(both)
    assert chosen is not None
    assert chosen.id == "m:gguf"
    assert find({"m": both}, "m", "").id == "m:gguf"
    assert find({"m": both}, "m:onnx", "").id == "m:onnx"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("unheard-of", "model_not_found"),
        ("nano:unheard-of", "model_not_found"),
        ("../../etc/passwd", "model_not_found"),
        ("absent", "model_not_installed"),
        ("absent:onnx", "model_not_installed"),
    ],
)
def test_what_is_not_there_is_refused(name: str, code: str) -> None:
    with pytest.raises(NotFound) as refused:
        find(MODELS, name, "")
    assert (refused.value.code, refused.value.param) == (code, "model")


def test_auto_without_any_model_is_refused() -> None:
    with pytest.raises(NotFound) as refused:
        find({}, "auto", "")
    assert refused.value.code == "no_model"


def test_files_that_are_not_trusted_are_never_loaded() -> None:
    bad = replace(variant("m:onnx", Unloaded()), rejected="It is broken.")
    mixed = {"m": model("m", 1, bad, variant("m:gguf", Unloaded(), "gguf", component="gguf"))}
    assert find(mixed, "m", "").id == "m:gguf"
    with pytest.raises(Conflict, match="It is broken") as refused:
        find(mixed, "m:onnx", "")
    assert (refused.value.code, refused.value.param) == ("model_rejected", "model")
    with pytest.raises(Conflict):
        find({"m": model("m", 1, bad)}, "m", "")


def test_a_loaded_model_whose_files_turned_bad_can_still_be_named() -> None:
    bad = replace(variant("m:onnx", READY), rejected="It is broken.")
    assert find({"m": model("m", 1, bad)}, "m:onnx", "") is bad
