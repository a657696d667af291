"""What somebody means who wants a model downloaded: the variant of a card, or of a repository of the hub."""

from collections.abc import Iterable, Mapping

from spark_engine.catalog.cards_schema import Card, CardVariant
from spark_engine.catalog.hub.offer import Offered
from spark_engine.catalog.hub.variants import RemoteVariant
from spark_engine.catalog.names import plain_name, slug
from spark_engine.errors import Conflict, NotFound
from spark_engine.types.ids import parse_model_ref, variant_id
from spark_engine.types.models import ModelEntry, is_installed

_SEE = "`spark models list` shows what can be downloaded; the hub's models are named `org/name`."


def of_card(cards: Mapping[str, Card], name: str) -> tuple[str, CardVariant]:
    """The full id and the facts of what `model` or `model:variant` means; of a model the first variant for a CPU.

    Raises NotFound when no card has it, Conflict when it cannot be downloaded.
    """
    try:
        ref = parse_model_ref(name)
    except ValueError:
        raise _unknown(name) from None
    card = cards.get(ref.model)
    if card is None:
        raise _unknown(name)
    if ref.variant is None:
        return _first(card)
    found = next((v for v in card.variants if v.id == ref.variant), None)
    if found is None:
        raise _unknown(name)
    if not found.repository:
        raise Conflict("model_not_published", f"{name} is not published", "Its card names no repository.")
    return variant_id(card.id, found.id), found


def of_hub(cards: Iterable[Card], offered: Offered) -> tuple[str, CardVariant]:
    """The full id and the facts of the variant that was chosen in a repository: as a card has it, else under a name
    made of the repository's."""
    return named(cards, offered, next(v for v in offered.variants if v.slug == offered.chosen))


def named(cards: Iterable[Card], offered: Offered, chosen: RemoteVariant) -> tuple[str, CardVariant]:
    """As `of_hub`, of any variant that is offered."""
    for card in cards:
        for variant in card.variants:
            if variant.repository == offered.repository and all(map(variant.wants, chosen.files)):
                return variant_id(card.id, variant.id), variant
    fetched = chosen.card(offered.repository, offered.revision)
    return variant_id(slug(plain_name(offered.repository)), fetched.id), fetched


def refuse_installed(models: Mapping[str, ModelEntry], id: str) -> None:
    """Conflict when the variant is on this machine already."""
    model = models.get(parse_model_ref(id).model)
    if model and any(v.id == id and is_installed(v.status) for v in model.variants):
        raise Conflict(
            "model_installed",
            f"{id} is on this machine",
            "There is nothing to download.",
            f"`spark models load {id}`",
        )


def _first(card: Card) -> tuple[str, CardVariant]:
    published = [v for v in card.variants if v.repository]
    if not published:
        raise Conflict(
            "model_not_published", f"{card.name} is not published", "Its card names no repository."
        )
    chosen = next((v for v in published if v.made_for != "gpu"), published[0])
    return variant_id(card.id, chosen.id), chosen


def _unknown(name: str) -> NotFound:
    return NotFound(
        "model_not_found", "Unknown model", f"There is no model named {name[:100]!r}.", _SEE, param="model"
    )
