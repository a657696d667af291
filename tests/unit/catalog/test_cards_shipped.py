"""The cards that ship with Spark: readable, consistent in themselves and with what Spark can fetch and run."""

from pathlib import PurePosixPath

import pytest

from spark_engine.catalog.cards import Card, CardVariant, read_card
from spark_engine.catalog.families import FAMILIES, family_of
from spark_engine.catalog.kinds import GENAI_CONFIG
from spark_engine.paths import resources
from spark_engine.runner import tool_styles

FILES = sorted((resources() / "model_cards").glob("*.toml"))
CARDS = {file.stem: read_card(file) for file in FILES}
VARIANTS = {f"{card.id}:{v.id}": (card, v) for card in CARDS.values() for v in card.variants}
PUBLISHED = {id: both for id, both in VARIANTS.items() if not both[1].bundled}
STYLES = {value.name for value in vars(tool_styles).values() if isinstance(value, tool_styles.ToolStyle)}
ENDINGS = {"onnx": ".onnx", "gguf": ".gguf", "safetensors": ".safetensors"}

each_card = pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
each_published = pytest.mark.parametrize("card, variant", PUBLISHED.values(), ids=PUBLISHED)


def test_ids_are_unique_and_name_their_files() -> None:
    assert {stem: card.id for stem, card in CARDS.items()} == {stem: stem for stem in CARDS}


def test_every_family_that_spark_promises_is_there() -> None:
    assert {"phi", "llama", "gemma", "mistral", "qwen"} <= {card.family for card in CARDS.values()}
    assert {"generator", "embedder", "reranker"} == {card.kind for card in CARDS.values()}
    assert [v.id for v in CARDS["phi-4-mini"].variants] == [
        "onnx-int4-cpu", "onnx-int4-gpu", "gguf-q4_k_m", "gguf-q8_0", "safetensors",
    ]  # fmt: skip


@each_card
def test_a_card_says_what_people_and_the_choice_need(card: Card) -> None:
    assert card.family in FAMILIES and card.family != "universal"
    assert card.licence and card.summary.endswith(".") and len(card.summary) <= 100
    assert card.parameters > 1_000_000 and card.variants and card.languages
    assert len(set(card.languages)) == len(card.languages) and len(set(card.abilities)) == len(card.abilities)
    wanted = {"generator": "chat", "embedder": "embedding", "reranker": "reranking"}[card.kind]
    assert wanted in card.abilities
    assert (card.kv_bytes_per_token > 0) == (card.kind == "generator")


@each_card
def test_a_card_and_its_family_agree(card: Card) -> None:
    if card.id != "spark-nano":
        assert family_of("", card.id).name == card.family
    assert {card.tool_style, FAMILIES[card.family].tool_style} <= {*STYLES, ""}
    assert "tools" not in card.abilities or card.tool_style
    assert card.template.startswith(FAMILIES[card.family].template) or card.id == "spark-nano"
    assert card.thinking == "never" or FAMILIES[card.family].thinking


@each_published
def test_a_published_variant_can_be_fetched(card: Card, variant: CardVariant) -> None:
    assert variant.repository and not variant.path
    assert 0.3 * card.parameters < variant.size_bytes < 4.5 * card.parameters
    assert variant.format in variant.id and variant.format in ENDINGS
    assert (variant.format == "gguf") == bool(variant.file)
    assert variant.quantization.lower().replace("bfloat16", "").replace("float32", "") in variant.id
    assert not variant.revision or len(variant.revision) == 40


@each_published
def test_a_variant_wants_the_files_that_it_names(card: Card, variant: CardVariant) -> None:
    folder = PurePosixPath(variant.folder)
    assert all(variant.wants(str(folder / path)) for path in variant.sha256)
    assert any(ENDINGS[variant.format] in pattern for pattern in variant.patterns)
    if variant.format == "gguf":
        assert variant.wants(str(folder / variant.file)) and variant.file.endswith(".gguf")
        assert not variant.wants("config.json")
        return
    assert variant.wants(str(folder / "config.json")) and variant.wants(str(folder / "tokenizer.json"))
    if variant.format == "onnx" and card.kind == "generator":
        assert variant.wants(str(folder / GENAI_CONFIG)) and variant.wants(str(folder / "model.onnx.data"))
    assert not variant.wants(str(folder / "modeling.py")) and not variant.wants("pytorch_model.bin")


@each_published
def test_weights_are_of_the_size_that_their_quantization_gives(card: Card, variant: CardVariant) -> None:
    """Within bounds: some files hold their embeddings twice, or leave them unquantized."""
    bits = {"int4": (4, 12.5), "Q4_K_M": (4.5, 8), "Q6_K": (6.5, 6.7), "Q8_0": (8.4, 9.9)} | {
        "bfloat16": (15.9, 16.4),
        "float32": (31.5, 33.5),
    }
    least, most = bits[variant.quantization]
    assert least <= 8 * variant.size_bytes / card.parameters <= most


def test_the_largest_model_of_a_repository_is_not_fetched_twice() -> None:
    """Some repositories hold the same weights under several names."""
    mistral = VARIANTS["mistral-7b-v0.3:safetensors"][1]
    assert mistral.wants("model-00001-of-00003.safetensors") and not mistral.wants("consolidated.safetensors")
    minilm = VARIANTS["all-minilm-l6-v2:onnx"][1]
    assert not minilm.wants("onnx/model_O4.onnx") and not minilm.wants("model.safetensors")
