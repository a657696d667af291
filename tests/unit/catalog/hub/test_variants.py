"""Which models repositories hold: told from lists of files as they are found on the hub."""

import pytest

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.hub.choose import choose, files_of
from spark_engine.catalog.hub.listing import Listing, RemoteFile
from spark_engine.catalog.hub.ref import RepositoryRef, is_repository_ref, parse_repository_ref
from spark_engine.catalog.hub.variants import variants_of
from spark_engine.errors import InvalidRequest, NotFound, SparkError
from spark_engine.types.ids import parse_model_ref

CPU, GPU = "cpu_and_mobile/cpu-int4-rtn-block-32-acc-level-4", "gpu/gpu-int4-rtn-block-32"
ONNX_FILES = ("genai_config.json", "model.onnx", "model.onnx.data", "tokenizer.json", "tokenizer_config.json")


def listing(*paths: str, repository: str = "org/name") -> Listing:
    return Listing(repository, "c" * 40, False, tuple(RemoteFile(p, 10, "0" * 40, "0" * 64) for p in paths))


def slugs(*paths: str, repository: str = "org/name") -> list[str]:
    return [v.slug for v in variants_of(listing(*paths, repository=repository))]


def test_onnx_folders_are_told_apart_and_the_one_for_a_cpu_is_best():
    paths = [f"{folder}/{name}" for folder in (GPU, CPU) for name in ONNX_FILES]
    found = variants_of(listing(*paths, "README.md", "config.json", f"{CPU}/modeling.py", f"{CPU}/README.md"))
    assert [(v.slug, v.quantization, v.device, v.folder) for v in found] == [
        ("onnx-int4-cpu", "int4", "cpu", CPU), ("onnx-int4-gpu", "int4", "gpu", GPU),
    ]  # fmt: skip
    assert set(found[0].files) == {f"{CPU}/{name}" for name in ONNX_FILES}
    assert found[0].size_bytes == 50


def test_folders_of_the_same_kind_get_longer_names():
    folders = [
        "cpu_and_mobile/cpu-int4-rtn-block-32",
        CPU,
        "cuda/cuda-fp16",
        "directml/directml-int4-awq-block-128",
    ]
    found = slugs(*(f"{folder}/genai_config.json" for folder in folders))
    assert found == [
        "onnx-cpu-int4-rtn-block-32-acc-level-4", "onnx-cpu-int4-rtn-block-32", "onnx-int4-directml", "onnx-fp16-cuda",
    ]  # fmt: skip


def test_an_onnx_model_may_be_the_whole_repository():
    assert slugs(*ONNX_FILES, repository="org/Phi-4-mini-onnx-int4-cpu") == ["onnx-int4-cpu"]
    assert slugs(*ONNX_FILES) == ["onnx"]


def test_gguf_files_are_named_by_their_quantization():
    names = ("Q4_K_M", "Q8_0", "IQ4_XS", "bf16", "Q4_0_4_4", "UD-Q4_K_XL", "Q4_K_S")
    found = variants_of(
        listing(
            *(f"microsoft_Phi-4-mini-instruct-{n}.gguf" for n in names), "mmproj-F16.gguf", "x.imatrix.gguf"
        )
    )
    assert {v.slug for v in found} == {
        "gguf-q4_k_m", "gguf-q8_0", "gguf-iq4_xs", "gguf-bf16", "gguf-q4_0_4_4", "gguf-ud-q4_k_xl", "gguf-q4_k_s",
    }  # fmt: skip
    assert [v.slug for v in found][:2] == ["gguf-q4_k_m", "gguf-q4_k_s"]
    assert found[0].quantization == "Q4_K_M"


def test_the_parts_of_a_split_model_belong_together():
    parts = [f"Q8_0/big-Q8_0-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    found = variants_of(listing(*reversed(parts), "big-Q4_0-00001-of-00002.gguf"))
    assert [(v.slug, v.folder, v.files) for v in found] == [("gguf-q8_0", "Q8_0", tuple(parts))]


def test_weights_of_one_kind_with_what_they_need():
    paths = [
        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "consolidated.safetensors",
        "model.safetensors.index.json", "config.json", "tokenizer.json", "merges.txt", "tokenizer.model", "LICENSE.txt",
        "modeling_phi3.py", "README.md", "figure.png", ".gitattributes", "pytorch_model.bin", "training_args.bin",
        "modules.json", "1_Pooling/config.json", "onnx/model.onnx", "chat_template.jinja",
    ]  # fmt: skip
    found = {v.slug: set(v.files) for v in variants_of(listing(*paths))}
    texts = {"model.safetensors.index.json", "config.json", "tokenizer.json", "merges.txt", "tokenizer.model",
             "modules.json", "chat_template.jinja"}  # fmt: skip
    assert found == {
        "safetensors": texts | {paths[0], paths[1], "1_Pooling/config.json"},
        "pytorch": texts | {"pytorch_model.bin"},
    }
    assert slugs("model.safetensors") == []


def test_every_slug_is_an_id_and_taken_once():
    paths = [f"{f}/x-{q}.gguf" for f in ("a", "b", "c d") for q in ("Q4_K_M", "Q8_0", "na\u00efve")]
    found = slugs(*paths, *(f"{f}/genai_config.json" for f in ("cpu", "cpu_2", "\u96ea")))
    assert len(set(found)) == len(found) == 12
    for slug in found:
        parse_model_ref(f"m:{slug}")


def test_choosing():
    there = listing("x-Q4_K_M.gguf", "x-Q8_0.gguf", "model.safetensors", "config.json")
    assert choose(there, None).slug == "gguf-q4_k_m"
    assert choose(there, "q8_0").slug == choose(there, "gguf-q8_0").slug == "gguf-q8_0"
    assert choose(there, "safetensors").format == "safetensors"
    with pytest.raises(NotFound, match="no 'Q2_K'") as error:
        choose(there, "Q2_K")
    assert "gguf-q8_0" in error.value.remedy
    with pytest.raises(NotFound, match="no ONNX folder"):
        choose(listing("README.md"), None)


def test_an_offered_variant_as_a_card_wants_the_same_files():
    paths = [f"{CPU}/{name}" for name in ONNX_FILES]
    parts = [f"Q8_0/big[1]-Q8_0-0000{n}-of-00002.gguf" for n in (1, 2)]
    there = listing(*paths, *parts, "model.safetensors", "config.json")
    for variant in variants_of(there):
        card = variant.card(there.repository, there.revision)
        files = files_of(there, card)
        assert {f.path for f in files.values()} == set(variant.files)
        assert set(files) == {f.removeprefix(f"{variant.folder}/") for f in variant.files}


def test_a_cards_files():
    there = listing(*(f"{f}/{n}" for f in (CPU, GPU) for n in ONNX_FILES), "a-Q8_0.gguf", "b-Q8_0.gguf")
    onnx = CardVariant("onnx-int4-cpu", "onnx", "int4", repository="org/name", folder=CPU)
    assert set(files_of(there, onnx)) == set(ONNX_FILES)
    gguf = CardVariant("gguf-q8_0", "gguf", "Q8_0", repository="org/name", file="a-Q8_0.gguf")
    assert set(files_of(there, gguf)) == {"a-Q8_0.gguf"}
    with pytest.raises(NotFound):
        files_of(there, CardVariant("gguf-q4", "gguf", "Q4", repository="org/name", file="c-Q4.gguf"))
    with pytest.raises(NotFound):
        files_of(there, CardVariant("onnx", "onnx", "int4", repository="org/name", folder="elsewhere"))


def test_a_cards_file_brings_its_other_parts():
    parts = [f"big-Q8_0-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    card = CardVariant("gguf-q8_0", "gguf", "Q8_0", repository="org/name", file=parts[0])
    assert sorted(files_of(listing(*parts), card)) == parts


def test_a_cards_hashes_are_held_against_the_list():
    card = CardVariant(
        "gguf", "gguf", "Q8_0", repository="org/name", file="a.gguf", sha256={"a.gguf": "1" * 64}
    )
    with pytest.raises(SparkError) as error:
        files_of(listing("a.gguf"), card)
    assert error.value.code == "file_not_as_described"


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("microsoft/Phi-4-mini-instruct-onnx", RepositoryRef("microsoft/Phi-4-mini-instruct-onnx")),
        ("org/name:Q4_K_M", RepositoryRef("org/name", "Q4_K_M")),
        (" https://huggingface.co/org/name/ ", RepositoryRef("org/name")),
        ("hf.co/org/name:gguf-q8_0", RepositoryRef("org/name", "gguf-q8_0")),
    ],
)
def test_refs_are_read(text: str, ref: RepositoryRef):
    assert parse_repository_ref(text) == ref
    assert parse_repository_ref(str(ref)) == ref


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "a/b/c",
        "../x",
        "a/..",
        "a/b:",
        "a/b:c/d",
        "phi-4-mini:onnx",
        "https://evil.test/a/b",
        "a /b",
        "a/b?x",
    ],
)
def test_what_is_no_ref_is_refused(text: str):
    assert not is_repository_ref(text)
    with pytest.raises(InvalidRequest):
        parse_repository_ref(text)
