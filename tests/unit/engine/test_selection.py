"""What `auto` means: the best model that can serve a request here, with its reasons."""

import pytest

from spark_engine.engine.selection import choose
from spark_engine.types.fit import Fit, FitVerdict
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    ModelEntry,
    ModelFormat,
    ModelKind,
    NotInstalled,
    Ready,
    Unloaded,
    VariantEntry,
    VariantStatus,
)
from spark_engine.types.selection import Choice, Needs

GB = 10**9
ANY = Needs()
READY = Ready("CPU", 4096, 8, GB, 1.0, 1)


def fitted(verdict: FitVerdict = "fits", largest: int = 0, rate: float = 0.0, measured: bool = False) -> Fit:
    return Fit(verdict, 2 * GB, GB, 0, GB, 4096, largest, rate, measured)


def model(
    id: str,
    parameters: float,
    status: VariantStatus | None = None,
    *,
    size: int = GB,
    format: ModelFormat = "onnx",
    component: str | None = None,
    kind: ModelKind = "generator",
    rejected: str = "",
    fit: Fit | None = None,
    context: int = 4096,
    abilities: tuple[str, ...] = (),
    languages: tuple[str, ...] = (),
    quality: float = 0.0,
) -> ModelEntry:
    variant = VariantEntry(
        f"{id}:{format}",
        format,
        "int4",
        size,
        status or Unloaded(),
        "path",
        component,
        kind,
        rejected=rejected,
        fit=fit,
    )  # fmt: skip
    return ModelEntry(
        id, id, "phi", "MIT", "", int(parameters), context, (variant,),
        abilities=abilities, languages=languages, quality=quality,
    )  # fmt: skip


def chosen(*models: ModelEntry, needs: Needs = ANY, wished: str = "", free: int | None = 8 * GB) -> Choice:
    return choose(
        {m.id: m for m in models}, needs, wished=wished, free_bytes=None if free is None else lambda: free
    )


NANO = model("nano", 6e6, size=10**7)
PHI = model("phi", 3.8e9, size=5 * GB, abilities=("tools",), context=131072)


def test_the_strongest_that_fits() -> None:
    assert chosen(NANO, PHI).id == "phi:onnx"
    assert chosen(NANO, PHI, free=3 * GB).id == "nano:onnx"
    assert chosen(NANO, model("phi", 3.8e9, NotInstalled())).id == "nano:onnx"
    assert chosen(model("phi", 3.8e9, NotInstalled())) == Choice("", "No model is installed.")


def test_published_quality_counts_more_than_size() -> None:
    assert chosen(model("seven", 7e9, quality=60.0), model("phi", 3.8e9, quality=67.3)).id == "phi:onnx"


def test_what_is_loaded_wins_over_what_is_a_little_stronger_but_not_over_much_stronger() -> None:
    assert chosen(PHI, model("three", 3.0e9, READY)).id == "three:onnx"
    assert chosen(PHI, model("nano", 6e6, READY)).id == "phi:onnx"
    assert chosen(PHI, model("three", 3.0e9, Loading(0.1, ""))).id == "three:onnx"


def test_a_loaded_model_has_its_memory_already() -> None:
    assert chosen(model("phi", 3.8e9, READY, size=5 * GB), NANO, free=0).id == "phi:onnx"


def test_the_model_of_the_settings_wins_wherever_it_can_serve() -> None:
    for wish in ("nano", "nano:onnx"):
        assert chosen(NANO, PHI, wished=wish).id == "nano:onnx"
    assert chosen(NANO, PHI, wished="unheard-of").id == "phi:onnx"
    assert chosen(NANO, PHI, wished="phi", free=GB).id == "phi:onnx"
    assert chosen(NANO, PHI, wished="nano", needs=Needs(context=50_000)).id == "phi:onnx"
    assert chosen(NANO, PHI, wished="nano").why.startswith("the model of your settings")


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (model("m", 9e9, LoadFailed("c", "No memory", "m")), "could not be loaded: No memory"),
        (
            model("m", 9e9, format="gguf", component="gguf"),
            "needs the component gguf, which is not installed",
        ),
        (model("m", 9e9, rejected="Its tensors overlap."), "Its tensors overlap."),
        (model("m", 9e9, kind="embedder"), "turns texts into vectors"),
        (model("m", 9e9, fit=fitted("too_large")), "needs 2.0 GB more memory than is free"),
        (model("m", 9e9, size=40 * GB), "has 40 GB, more than fits into the memory that is free"),
    ],
)
def test_what_cannot_serve_is_named_with_its_reason(other: ModelEntry, why: str) -> None:
    choice = chosen(NANO, other)
    assert choice.id == "nano:onnx"
    assert [(c.id, c.possible, c.why) for c in choice.considered] == [(other.variants[0].id, False, why)]
    alone = chosen(other)
    assert (alone.id, alone.why) == ("", "No installed model can serve this.")


def test_the_needed_context() -> None:
    assert chosen(NANO, PHI, wished="nano", needs=Needs(context=4096)).id == "nano:onnx"
    little = model("phi", 3.8e9, context=131072, fit=fitted("smaller_context", largest=2048))
    assert chosen(NANO, little, needs=Needs(context=3000)).id == "nano:onnx"
    assert chosen(little, needs=Needs(context=3000)).considered[0].why == (
        "holds 2,048 tokens of context, and this needs about 3,000"
    )
    loaded = model("phi", 3.8e9, READY, context=131072)
    assert chosen(NANO, loaded, needs=Needs(context=5000)).id == ""


def test_abilities_and_languages() -> None:
    plain = model("plain", 4.5e9, languages=("en",))
    assert chosen(PHI, plain).id == "plain:onnx"
    assert chosen(PHI, plain, needs=Needs(abilities=("tools",))).id == "phi:onnx"
    assert "made for tools" in chosen(PHI, plain, needs=Needs(abilities=("tools",))).why
    assert chosen(plain, needs=Needs(abilities=("tools",))).id == "plain:onnx"
    assert chosen(PHI, plain, needs=Needs(language="de")).id == "phi:onnx"


def test_a_model_too_slow_to_read_along_yields_to_a_faster_one() -> None:
    slow = model("big", 7e9, fit=fitted(rate=2.0))
    quick = model("small", 3e9, fit=fitted(rate=12.0, measured=True))
    assert chosen(slow, quick).id == "small:onnx"
    assert "12.0 tok/s measured" in chosen(slow, quick).why
    assert "2.0 tok/s expected" in chosen(slow).why


def test_of_one_model_the_faster_variant() -> None:
    onnx, gguf = (
        VariantEntry(f"m:{f}", f, "int4", GB, Unloaded(), "p", fit=fitted(rate=rate))
        for f, rate in (("onnx", 9.0), ("gguf", 14.0))
    )
    both = ModelEntry("m", "m", "phi", "MIT", "", 10**9, 4096, (onnx, gguf))
    assert chosen(both).id == "m:gguf"


def test_models_made_for_the_work_come_first() -> None:
    embedder = model("small", 3e7, kind="embedder")
    assert chosen(PHI, embedder, needs=Needs(("embedder", "generator"))).id == "small:onnx"
    assert chosen(PHI, needs=Needs(("embedder", "generator"))).id == "phi:onnx"
