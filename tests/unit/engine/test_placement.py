"""Which variant a name means, and what `auto` means."""

import pytest

from spark_engine.engine.placement import best_variant, choose_default, find
from spark_engine.errors import NotFound
from spark_engine.types.models import (
    LoadFailed,
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


def test_auto_means_the_largest_installed_model_that_fits() -> None:
    assert choose_default(MODELS, "", 10_000) == "big:onnx"
    assert choose_default(MODELS, "", 1_000) == "nano:onnx"
    assert choose_default({"absent": ABSENT}, "", 10_000) == ""


def test_a_loaded_model_stays_the_default_when_it_has_taken_the_memory() -> None:
    loaded = model("big", 4000, variant("big:onnx", READY, size=1000))
    assert choose_default({"big": loaded, "nano": NANO}, "", 100) == "big:onnx"


def test_the_wished_model_wins_when_it_is_installed() -> None:
    assert choose_default(MODELS, "nano", 10_000) == "nano:onnx"
    assert choose_default(MODELS, "nano:gguf", 10_000) == "nano:gguf"
    for wish in ("absent", "unheard-of", "Not A Slug"):
        assert choose_default(MODELS, wish, 10_000) == "big:onnx"


def test_a_model_that_cannot_run_is_not_the_default() -> None:
    failed = model("big", 4000, variant("big:onnx", LoadFailed("c", "t", "m")))
    assert choose_default({"big": failed, "nano": NANO}, "", 10_000) == "nano:onnx"
    lacking = model("big", 4000, variant("big:gguf", Unloaded(), "gguf", component="gguf"))
    assert choose_default({"big": lacking, "nano": NANO}, "", 10_000) == "nano:onnx"


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
