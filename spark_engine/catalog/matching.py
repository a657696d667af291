"""Whether two models are the same: by the repository they come from, else by name, architecture and parameters."""

from msgspec import Struct

from spark_engine.catalog.cards import Card, CardVariant
from spark_engine.catalog.families import family_of
from spark_engine.catalog.names import is_generic, name_keys
from spark_engine.catalog.stores.found import FoundModel
from spark_engine.types.inspection import Inspection
from spark_engine.types.models import ModelEntry

_NEARLY = 0.03
"""Counts of parameters of one model may differ so much: some files repeat a tensor, or leave one out."""


class Identity(Struct, frozen=True):
    """What tells one model from another. `keys`: forms of its name; `family` and `parameters`: nothing where unknown.
    `repositories`: those it is published in."""

    keys: frozenset[str]
    family: str = ""
    parameters: int = 0
    repositories: frozenset[str] = frozenset()

    def is_same(self, other: "Identity") -> bool:
        """Whether both can only be one model: repository or name in common, and nothing known that differs."""
        families = {self.family, other.family} - {""}
        named = self.keys & other.keys and len(families) < 2
        related = bool(self.repositories & other.repositories or named)
        return related and _agree(self.parameters, other.parameters)


def of_card(card: Card) -> Identity:
    """A card's model. Its repositories' names are names of it too."""
    repositories = frozenset(v.repository.lower() for v in card.variants if v.repository)
    names = (card.name, card.id, *repositories)
    return Identity(_keys(*names), card.family, card.parameters, repositories)


def of_entry(entry: ModelEntry) -> Identity:
    """A model of the library that has no card."""
    repositories = frozenset(v.repository.lower() for v in entry.variants if v.repository)
    return Identity(_keys(entry.id, entry.name), entry.family, entry.parameters, repositories)


def of_found(found: FoundModel, facts: Inspection | None) -> Identity:
    """A model that was found. Its owner's name for it counts, for a model that was trained on still names its origin
    in its files; they are asked only where the owner has no name."""
    name = best_name(found, facts)
    family = family_of(facts.architecture, name) if facts is not None and facts.architecture else None
    return Identity(
        keys=_keys(name),
        family=family.name if family is not None and family.words else "",
        parameters=facts.parameters if facts is not None else 0,
        repositories=frozenset((found.repository.lower(),) if found.repository else ()),
    )


def best_name(found: FoundModel, facts: Inspection | None) -> str:
    """What to call a found model."""
    names = (found.repository, found.name, facts.name if facts is not None else "")
    return next((name for name in names if not is_generic(name)), found.name)


def is_variant(found: FoundModel, variant: CardVariant) -> bool:
    """Whether a found model is just what a card's variant would fetch."""
    if not found.repository or found.repository.lower() != variant.repository.lower():
        return False
    place = found.path.replace("\\", "/")
    if variant.format != found.format:
        return False
    if variant.file:
        return place.endswith(f"/{variant.file}")
    return not variant.folder or place.endswith(f"/{variant.folder}")


def _keys(*names: str) -> frozenset[str]:
    return frozenset(key for name in names for key in name_keys(name))


def _agree(one: int, other: int) -> bool:
    return not one or not other or abs(one - other) <= _NEARLY * max(one, other)
