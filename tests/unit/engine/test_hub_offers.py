"""Offers seen against what is here: names, what is installed, what is missing, and the fit of what nobody has read."""

from collections.abc import Iterable

from spark_engine.catalog.cards import read_cards
from spark_engine.catalog.hub.offer import Offered
from spark_engine.catalog.hub.variants import RemoteVariant
from spark_engine.engine.hub_offers import Surroundings, card_offer, hub_offer
from spark_engine.engine.wanted import of_card
from spark_engine.paths import resources
from spark_engine.types.components import ComponentEntry, Missing, Verified
from spark_engine.types.fit import Fit
from spark_engine.types.models import ModelEntry, Unloaded, VariantEntry

GGUF = ComponentEntry("gguf", "llama.cpp", ("gguf",), True, 80, Missing())
ONNX = ComponentEntry("onnx", "ONNX Runtime", ("onnx",), False, 50, Verified("1"))
SEEN = Fit("fits", 1, 2, 3, 100, 4096, 8192, 7.5, True)
GUESSED = Fit("too_large", 9, 9, 9, 1, 4096, 0)
CARDS = read_cards([resources() / "model_cards"])
REMOTE = (
    RemoteVariant("gguf-q4_k_m", "gguf", "Q4_K_M", "", ("a-Q4_K_M.gguf",), 2_500_000_000),
    RemoteVariant("gguf-odd", "gguf", "", "", ("a-odd.gguf",), 10),
    RemoteVariant("onnx-int4-cpu", "onnx", "int4", "cpu", ("cpu/genai_config.json",), 50, "cpu"),
)
OFFERED = Offered("org/My_Model-GGUF", "f" * 40, True, "gguf-q4_k_m", REMOTE)


def around(*variants: VariantEntry) -> tuple[Surroundings, list[ModelEntry]]:
    asked: list[ModelEntry] = []

    def fits(models: Iterable[ModelEntry]) -> dict[str, Fit]:
        found = list(models)
        asked.extend(found)
        return {v.id: GUESSED for m in found for v in m.variants}

    models = {}
    for variant in variants:
        id = variant.id.partition(":")[0]
        models[id] = ModelEntry(id, id, "", "", "", 0, 0, variants)
    return Surroundings(models, (GGUF, ONNX), fits), asked


def test_what_a_repository_offers() -> None:
    surroundings, asked = around()
    offer = hub_offer(OFFERED, CARDS.values(), surroundings, "https://hub.test/")
    assert (offer.page, offer.gated, offer.chosen) == (
        "https://hub.test/org/My_Model-GGUF",
        True,
        "gguf-q4_k_m",
    )
    first, odd, onnx = offer.variants
    assert (first.id, first.name) == ("my_model:gguf-q4_k_m", "org/My_Model-GGUF:gguf-q4_k_m")
    assert [v.component for v in offer.variants] == ["gguf", "gguf", None]
    assert [v.fit for v in offer.variants] == [GUESSED, None, GUESSED]
    assert not any(v.installed for v in offer.variants)
    assert asked[0].parameters / 1e9 > 3.5
    assert onnx.device == "cpu"
    assert odd.size_bytes == 10


def test_what_is_here_is_known_better() -> None:
    here = VariantEntry("my_model:gguf-q4_k_m", "gguf", "Q4_K_M", 1, Unloaded(), "/m", fit=SEEN)
    surroundings, asked = around(here)
    first = hub_offer(OFFERED, CARDS.values(), surroundings, "https://hub.test").variants[0]
    assert (first.installed, first.fit) == (True, SEEN)
    assert all(m.variants[0].id != first.id for m in asked)


def test_a_card_offers_what_is_published_the_asked_for_first() -> None:
    surroundings, _ = around()
    id, chosen = of_card(CARDS, "phi-4-mini:onnx-int4-gpu")
    offer = card_offer(CARDS["phi-4-mini"], chosen, surroundings, "https://hub.test")
    assert (offer.chosen, offer.variants[0].id, offer.revision) == ("onnx-int4-gpu", id, "")
    assert len(offer.variants) == sum(bool(v.repository) for v in CARDS["phi-4-mini"].variants)
    assert all(v.name == v.id for v in offer.variants)
