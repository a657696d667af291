"""Models found on this machine stand under the card they match, or as models of their own; bad files say so."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from spark_engine.catalog.library import read_library, to_inspect
from spark_engine.catalog.stores.found import FoundModel
from spark_engine.paths import BaseDir
from spark_engine.types.generation import SamplingOptions
from spark_engine.types.inspection import Inspection, Rejected, Verdict
from spark_engine.types.models import ModelEntry, NotInstalled, Unloaded, VariantEntry

CARD = """
id = "phi-mini"
name = "Phi mini"
family = "phi"
licence = "MIT"
summary = "A model."
parameters = 1000
context = 2048
[[variants]]
id = "onnx-cpu"
format = "onnx"
quantization = "int4"
repository = "maker/Phi-mini-instruct-onnx"
folder = "cpu/int4"
[[variants]]
id = "gguf-q4_k_m"
format = "gguf"
quantization = "Q4_K_M"
repository = "quants/Phi-mini-GGUF"
file = "Phi-mini-Q4_K_M.gguf"
"""
FACTS = Inspection("gguf", "", (), 7, 6, name="Phi Mini", architecture="phi3", parameters=1001, context=4096,
                   quantization="Q8_0")  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> BaseDir:
    base = BaseDir(tmp_path / "spark")
    base.create()
    (base.root / "model_cards").mkdir()
    (base.root / "model_cards" / "phi-mini.toml").write_text(CARD)
    return base


def gguf(name: str, owner: str = "ollama", path: str = "", repository: str = "") -> FoundModel:
    path = path or f"/found/{owner}/{name}.gguf"
    return FoundModel(owner, name, path, "gguf", (path,), repository=repository)


def library(base: BaseDir, *found: FoundModel, verdict: Verdict | None = FACTS) -> dict[str, ModelEntry]:
    return read_library(base, found, lambda path, roots: verdict and (verdict,))


def only(models: dict[str, ModelEntry], id: str) -> VariantEntry:
    return next(v for m in models.values() for v in m.variants if v.id == id)


def test_what_a_card_would_fetch_is_here_when_another_program_has_it(base: BaseDir) -> None:
    found = gguf("x", "lm-studio", "/lm/quants/Phi-mini-GGUF/Phi-mini-Q4_K_M.gguf", "Quants/Phi-mini-GGUF")
    models = library(base, found)
    assert only(models, "phi-mini:gguf-q4_k_m") == VariantEntry(
        "phi-mini:gguf-q4_k_m", "gguf", "Q4_K_M", 7, Unloaded(), found.path, owner="lm-studio",
        repository="Quants/Phi-mini-GGUF",
    )  # fmt: skip
    assert isinstance(only(models, "phi-mini:onnx-cpu").status, NotInstalled)


def test_a_folder_of_the_repository_must_be_the_cards(base: BaseDir) -> None:
    repository = "maker/Phi-mini-instruct-onnx"
    facts = replace(FACTS, format="onnx", quantization="int4")
    right = FoundModel("huggingface", repository, "/hf/cpu/int4", "onnx", (), repository=repository)
    other = replace(right, path="/hf/gpu/int4")
    models = library(base, other, right, verdict=facts)
    assert only(models, "phi-mini:onnx-cpu").path == "/hf/cpu/int4"
    assert only(models, "phi-mini:onnx-int4").path == "/hf/gpu/int4"


def test_spark_s_own_files_come_first(base: BaseDir) -> None:
    own = base.models / "phi-mini" / "gguf-q4_k_m" / "Phi-mini-Q4_K_M.gguf"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"GGUF")
    found = gguf("x", "lm-studio", "/lm/quants/Phi-mini-GGUF/Phi-mini-Q4_K_M.gguf", "quants/Phi-mini-GGUF")
    models = library(base, found, verdict=replace(FACTS, quantization="Q4_K_M"))
    assert (only(models, "phi-mini:gguf-q4_k_m").path, only(models, "phi-mini:gguf-q4_k_m").owner) == (
        str(own),
        "spark",
    )
    assert only(models, "phi-mini:gguf-q4_k_m-lm-studio").path == found.path


@pytest.mark.parametrize(
    "name", ["phi-mini:latest", "Phi-mini-instruct.Q8_0", "maker_Phi-mini-Q8_0", "Phi mini"]
)
def test_the_same_name_and_size_is_the_cards_model(base: BaseDir, name: str) -> None:
    variant = only(library(base, gguf(name)), "phi-mini:gguf-q8_0")
    assert (variant.owner, variant.quantization, variant.size_bytes) == ("ollama", "Q8_0", 7)


@pytest.mark.parametrize(
    "facts",
    [replace(FACTS, parameters=2000), replace(FACTS, architecture="gemma3")],
)
def test_the_same_name_alone_is_not_enough(base: BaseDir, facts: Inspection) -> None:
    models = library(base, gguf("phi-mini"), verdict=facts)
    assert [v.owner for v in models["phi-mini"].variants] == ["spark", "spark"]
    assert [v.id for v in models["phi-mini-ollama"].variants] == ["phi-mini-ollama:gguf-q8_0"]


def test_a_model_that_only_its_file_calls_so_is_another_one(base: BaseDir) -> None:
    """Who trains a model on keeps what its file said of its origin."""
    models = library(base, gguf("my-tuned-phi"), gguf("model", "folder", "/my/model.gguf"))
    assert only(models, "my-tuned-phi:gguf-q8_0").owner == "ollama"
    assert only(models, "phi-mini:gguf-q8_0").owner == "folder"


def test_models_of_no_card_stand_together_when_they_are_one(base: BaseDir) -> None:
    q8, q4 = gguf("org/Strange-4B-GGUF", "lm-studio"), gguf("strange-4b.Q4_0", "folder")
    other = gguf("strange-4b", "jan")
    verdicts = {
        q8.path: FACTS,
        q4.path: replace(FACTS, quantization="Q4_0", parameters=1010),
        other.path: replace(FACTS, parameters=5),
    }
    models = read_library(
        base, [q8, q4, other], lambda path, roots: (verdicts[path],) if path in verdicts else None
    )
    assert {v.path: v.id for m in models.values() for v in m.variants if v.owner != "spark"} == {
        q8.path: "strange-4b:gguf-q8_0",
        q4.path: "strange-4b:gguf-q4_0",
        other.path: "strange-4b-jan:gguf-q8_0",
    }


def test_a_model_of_no_card_has_facts_licence_and_sampling(base: BaseDir) -> None:
    facts = replace(FACTS, architecture="qwen3", parameters=4000, context=32768)
    found = replace(gguf("strange-one:3b"), licence="Apache", sampling=SamplingOptions(temperature=0.1))
    entry = library(base, found, verdict=facts)["strange-one-3b"]
    assert (entry.name, entry.family, entry.parameters, entry.context) == (
        "strange-one:3b",
        "qwen",
        4000,
        32768,
    )
    assert (entry.licence, entry.sampling.temperature) == ("Apache", 0.1)
    assert entry.summary == "Comes from Ollama; no card describes it."
    advised = library(base, gguf("strange-one:3b"), verdict=facts)["strange-one-3b"].sampling
    assert advised.top_k == 20


def test_equal_variants_of_several_programs_have_names_of_their_own(base: BaseDir) -> None:
    models = library(
        base, *(gguf("strange", owner) for owner in ("ollama", "jan", "gpt4all")), gguf("x/strange", "jan")
    )
    assert [v.id for v in models["strange"].variants] == [
        "strange:gguf-q8_0", "strange:gguf-q8_0-jan", "strange:gguf-q8_0-gpt4all", "strange:gguf-q8_0-jan-2",
    ]  # fmt: skip


def test_names_cannot_take_what_others_mean(base: BaseDir) -> None:
    models = library(base, gguf("auto"), gguf("../../etc"), gguf("\x00"), gguf("a:b/c:d"))
    assert {"auto-ollama", "etc"} <= models.keys()
    assert "auto" not in models
    assert all("/" not in v.id and v.id.count(":") == 1 for m in models.values() for v in m.variants)


def test_bad_files_are_listed_with_the_reason(base: BaseDir, tmp_path: Path) -> None:
    file = tmp_path / "bad.gguf"
    file.write_bytes(b"12345")
    models = library(
        base, gguf("bad", path=str(file)), verdict=Rejected("truncated", "It ends within a tensor.")
    )
    assert models["bad"].variants == (
        VariantEntry(
            "bad:gguf",
            "gguf",
            "",
            5,
            Unloaded(),
            str(file),
            owner="ollama",
            rejected="It ends within a tensor.",
        ),
    )


def test_what_was_not_inspected_yet_is_not_listed_yet(base: BaseDir) -> None:
    assert library(base, gguf("strange"), verdict=None).keys() == read_library(base).keys()


@pytest.mark.parametrize(
    ("files", "model_format", "quantization"),
    [
        (("config.json", "model.safetensors"), "safetensors", "bfloat16"),
        (("config.json", "pytorch_model.bin"), "pytorch", "float32"),
        (("own-Q8_0.gguf",), "gguf", "Q8_0"),
        (("genai_config.json", "model.onnx"), "onnx", "int4"),
    ],
)
def test_every_format_in_sparks_own_folder_needs_no_card(
    base: BaseDir, files: tuple[str, ...], model_format: str, quantization: str
) -> None:
    folder = base.models / "own" / "variant"
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_text("{}")
    (folder / ".spark-origin.json").write_text('{"type": "x", "repository": "org/Own", "revision": "1"}')
    facts = replace(FACTS, format=model_format, quantization=quantization)
    asked: list[tuple[str, Sequence[str]]] = []

    def verdict(path: str, roots: Sequence[str]) -> Sequence[Verdict] | None:
        asked.append((path, tuple(roots)))
        return (facts,) if "own" in path else None

    entry = read_library(base, (), verdict)["own"]
    assert [(v.id, v.format, v.quantization, v.repository, v.owner) for v in entry.variants] == [
        ("own:variant", model_format, quantization, "org/Own", "spark")
    ]
    assert (entry.parameters, entry.context, entry.family) == (1001, 4096, "phi")
    assert set(asked) == set(to_inspect(base))


def test_bad_files_of_a_card_or_ones_own_folder_say_so(base: BaseDir) -> None:
    for place in ("phi-mini/gguf-q4_k_m/Phi-mini-Q4_K_M.gguf", "own/x/y.gguf"):
        (base.models / place).parent.mkdir(parents=True)
        (base.models / place).write_bytes(b"GGUF")
    models = library(base, verdict=Rejected("x", "It is broken."))
    assert [only(models, id).rejected for id in ("phi-mini:gguf-q4_k_m", "own:x")] == ["It is broken."] * 2
    assert only(models, "phi-mini:onnx-cpu").rejected == ""


def test_of_several_models_in_one_folder_each_has_its_own_verdict(base: BaseDir) -> None:
    both = (replace(FACTS, quantization="Q4_0"), replace(FACTS, format="safetensors", quantization="float32"))
    folder = FoundModel("folder", "strange", "/my/strange", "safetensors", ())
    file = gguf("strange", "folder", "/my/strange/strange.gguf")
    models = read_library(base, [folder, file], lambda path, roots: both if path == folder.path else both[:1])
    assert {v.path: v.id for m in models.values() for v in m.variants if v.owner != "spark"} == {
        folder.path: "strange:safetensors",
        file.path: "strange:gguf-q4_0",
    }


def test_everything_the_library_asks_about_is_told_before(base: BaseDir) -> None:
    (base.models / "own" / "x").mkdir(parents=True)
    (base.models / "own" / "x" / "y.gguf").write_bytes(b"GGUF")
    found = replace(gguf("strange"), roots=("/blobs",))
    asked: set[tuple[str, tuple[str, ...]]] = set()
    read_library(base, [found], lambda path, roots: asked.add((path, tuple(roots))))  # type: ignore[func-returns-value]
    assert asked == set(to_inspect(base, [found]))
    assert (found.path, ("/blobs",)) in asked
