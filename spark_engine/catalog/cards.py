"""Model cards: TOML files with the facts about a model, shipped with Spark or written by the user."""

import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from spark_engine.catalog.cards_schema import Card, CardVariant
from spark_engine.types.generation import SamplingOptions

__all__ = ["Card", "CardVariant", "read_card", "read_cards"]

log = logging.getLogger(__name__)

_SAMPLING = frozenset(SamplingOptions.__struct_fields__)


def read_card(file: Path) -> Card:
    """One card; ValueError with the file, the reason and the field when it is not one."""
    try:
        facts = msgspec.toml.decode(file.read_bytes(), type=dict[str, object])
        _refuse_unknown_sampling(facts)
        return msgspec.convert(facts, Card)
    except (msgspec.MsgspecError, OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{file.name}: {error}") from error


def read_cards(folders: Iterable[Path]) -> dict[str, Card]:
    """Every card in these folders by id; a later folder's card replaces an earlier one's. Bad files are
    logged and skipped.
    """
    cards: dict[str, Card] = {}
    for file in (f for folder in folders for f in sorted(folder.glob("*.toml"))):
        try:
            card = _read_once(file, _stamp(file))
        except ValueError as error:
            log.warning("model card skipped: %s", error)
        else:
            cards[card.id] = card
    return cards


@lru_cache(maxsize=1024)
def _read_once(file: Path, stamp: tuple[int, int]) -> Card:
    """`read_card`, once for each state of the file: parsing all cards takes a tenth of a second of the interpreter."""
    return read_card(file)


def _stamp(file: Path) -> tuple[int, int]:
    """What changes with a file."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _refuse_unknown_sampling(facts: Mapping[str, object]) -> None:
    """Requests may carry options that are newer than Spark; a card with one has a slip of the pen."""
    sampling = facts.get("sampling")
    unknown = sorted(set(sampling) - _SAMPLING) if isinstance(sampling, dict) else []
    if unknown:
        raise ValueError(f"Object contains unknown field `{unknown[0]}` - at `$.sampling`")
