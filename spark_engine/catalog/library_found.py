"""Puts models that were found on this machine into the library: under the card they match, else as their own models."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec.structs import replace

from spark_engine.catalog.cards import Card
from spark_engine.catalog.families import family_of
from spark_engine.catalog.library_own import described, total_size
from spark_engine.catalog.matching import best_name, is_variant, of_card, of_entry, of_found
from spark_engine.catalog.names import plain_name, slug, unused
from spark_engine.catalog.stores.found import FoundModel
from spark_engine.catalog.verdicts import Verdicts, judged, verdict_on
from spark_engine.types.generation import SamplingOptions
from spark_engine.types.ids import AUTO, variant_id
from spark_engine.types.inspection import Inspection, Verdict
from spark_engine.types.models import ModelEntry, NotInstalled, Unloaded, VariantEntry
from spark_engine.types.owners import owner_name

_FULL_PRECISION = frozenset(("float32", "float16", "bfloat16", "f32", "f16", "bf16"))
"""Not worth a word in the id of a checkpoint."""


def add_found(
    models: dict[str, ModelEntry], cards: Mapping[str, Card], found: Iterable[FoundModel], verdicts: Verdicts
) -> None:
    """Add to `models` every found model there is a verdict on, in their order."""
    known = {id: of_card(cards[id]) if id in cards else of_entry(entry) for id, entry in models.items()}
    for model in found:
        verdict = verdict_on(model.path, model.format, verdicts, model.roots)
        if verdict is None or _fills_card(models, cards, model, verdict):
            continue
        facts = verdict if isinstance(verdict, Inspection) else None
        identity = of_found(model, facts)
        home = next((id for id, other in known.items() if other.is_same(identity)), None)
        if home is None:
            home = _new_entry(models, model, facts)
            known[home] = identity
        models[home] = _with_variant(models[home], model, verdict)


def _fills_card(
    models: dict[str, ModelEntry], cards: Mapping[str, Card], model: FoundModel, verdict: Verdict
) -> bool:
    """Whether the model is what a card's variant would be once downloaded; if so, that one is here now."""
    for card in cards.values():
        for described_variant in card.variants:
            id = variant_id(card.id, described_variant.id)
            entry = models[card.id]
            if is_variant(model, described_variant) and any(_is_missing(v, id) for v in entry.variants):
                variants = (_filled(v, model, verdict) if v.id == id else v for v in entry.variants)
                models[card.id] = replace(entry, variants=tuple(variants))
                return True
    return False


def _is_missing(variant: VariantEntry, id: str) -> bool:
    return variant.id == id and isinstance(variant.status, NotInstalled)


def _filled(variant: VariantEntry, model: FoundModel, verdict: Verdict) -> VariantEntry:
    """A card's variant whose files another program has."""
    here = judged(_entry(variant.id, model), verdict)
    return replace(here, format=variant.format, quantization=variant.quantization)


def _new_entry(models: dict[str, ModelEntry], model: FoundModel, facts: Inspection | None) -> str:
    """A model of its own; returns its id."""
    name = plain_name(best_name(model, facts))
    id = unused(slug(name.replace("_", "-")), {AUTO, *models}, model.owner)
    entry = described(id, name, facts, f"Comes from {owner_name(model.owner)}")
    models[id] = replace(entry, licence=model.licence, sampling=_sampling(model, facts))
    return id


def _sampling(model: FoundModel, facts: Inspection | None) -> SamplingOptions:
    """What its owner's files advise, else what its family's makers do."""
    if facts is None or model.sampling != SamplingOptions():
        return model.sampling
    return family_of(facts.architecture, best_name(model, facts)).sampling


def _with_variant(entry: ModelEntry, model: FoundModel, verdict: Verdict) -> ModelEntry:
    facts = verdict if isinstance(verdict, Inspection) else None
    taken = {variant.id.partition(":")[2] for variant in entry.variants}
    id = variant_id(entry.id, unused(_variant_name(model, facts), taken, model.owner))
    return replace(entry, variants=(*entry.variants, judged(_entry(id, model), verdict)))


def _variant_name(model: FoundModel, facts: Inspection | None) -> str:
    """As in `gguf-q4_k_m`, `onnx-int4`, `safetensors`."""
    if facts is None:
        return model.format
    quantization = "" if facts.quantization.lower() in _FULL_PRECISION else facts.quantization
    return slug(f"{facts.format}-{quantization}" if quantization else facts.format)


def _entry(id: str, model: FoundModel) -> VariantEntry:
    return VariantEntry(
        id=id,
        format=model.format,
        quantization="",
        size_bytes=total_size(tuple(map(Path, model.files))),
        status=Unloaded(),
        path=model.path,
        owner=model.owner,
        repository=model.repository,
    )
