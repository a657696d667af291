"""Offers as people see them: each variant with the name it would have, its fit, and what is missing to run it."""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.catalog.cards_schema import Card, CardVariant
from spark_engine.catalog.hub.bits import guessed_parameters
from spark_engine.catalog.hub.offer import Offered
from spark_engine.catalog.hub.variants import RemoteVariant
from spark_engine.engine.wanted import named
from spark_engine.types.components import ComponentEntry, missing_for
from spark_engine.types.fit import Fit
from spark_engine.types.hub import OfferedVariant, RepositoryOffer
from spark_engine.types.ids import parse_model_ref, variant_id
from spark_engine.types.models import ModelEntry, NotInstalled, VariantEntry, is_installed

Fits = Callable[[Iterable[ModelEntry]], dict[str, Fit]]


class Surroundings(Struct, frozen=True):
    """What an offer is seen against: the library, the components, and how well models would fit."""

    models: Mapping[str, ModelEntry]
    components: Iterable[ComponentEntry]
    fits: Fits

    def here(self, id: str) -> VariantEntry | None:
        """The variant of the library with this id."""
        model = self.models.get(parse_model_ref(id).model)
        return next((v for v in model.variants if v.id == id), None) if model else None


def hub_offer(offered: Offered, cards: Iterable[Card], around: Surroundings, home: str) -> RepositoryOffer:
    """What a repository offers. `home`: the hub's address."""
    cards = tuple(cards)
    variants = tuple(_of_hub(offered, remote, cards, around) for remote in offered.variants)
    page = f"{home.rstrip('/')}/{offered.repository}"
    return RepositoryOffer(
        offered.repository, offered.revision, offered.gated, offered.chosen, variants, page
    )


def card_offer(card: Card, chosen: CardVariant, around: Surroundings, home: str) -> RepositoryOffer:
    """What a card offers, the variant that was asked for (or is best) first; nobody has to be asked."""
    published = sorted((v for v in card.variants if v.repository), key=lambda v: v.id != chosen.id)
    variants = tuple(_of_card(card, v, around) for v in published)
    page = f"{home.rstrip('/')}/{chosen.repository}"
    return RepositoryOffer(chosen.repository, "", False, chosen.id, variants, page)


def _of_card(card: Card, variant: CardVariant, around: Surroundings) -> OfferedVariant:
    id = variant_id(card.id, variant.id)
    plain = OfferedVariant(id, id, variant.id, variant.format, variant.quantization, variant.size_bytes)
    return _seen(plain, around)


def _of_hub(
    offered: Offered, remote: RemoteVariant, cards: tuple[Card, ...], around: Surroundings
) -> OfferedVariant:
    id, _ = named(cards, offered, remote)
    plain = OfferedVariant(
        id=id,
        name=f"{offered.repository}:{remote.slug}",
        slug=remote.slug,
        format=remote.format,
        quantization=remote.quantization,
        size_bytes=remote.size_bytes,
        device=remote.device,
    )
    return _seen(plain, around)


def _seen(variant: OfferedVariant, around: Surroundings) -> OfferedVariant:
    here = around.here(variant.id)
    return replace(
        variant,
        installed=here is not None and is_installed(here.status),
        component=missing_for(around.components, variant.format),
        fit=here.fit if here is not None else _guessed_fit(variant, around.fits),
    )


def _guessed_fit(variant: OfferedVariant, fits: Fits) -> Fit | None:
    """By its size alone; None where that says too little."""
    parameters = guessed_parameters(variant.format, variant.quantization, variant.size_bytes)
    if not parameters:
        return None
    entry = VariantEntry(variant.id, variant.format, variant.quantization, variant.size_bytes, NotInstalled())
    id = parse_model_ref(variant.id).model
    return fits([ModelEntry(id, id, "", "", "", parameters, 0, (entry,))])[variant.id]
