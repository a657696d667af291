"""Reads the library: cards, Spark's own folder, and models found elsewhere, put together under the models they are."""

from collections.abc import Iterable, Iterator

from spark_engine.catalog.cards import Card, read_cards
from spark_engine.catalog.kinds import GENAI_CONFIG
from spark_engine.catalog.library_found import add_found
from spark_engine.catalog.library_own import card_entry, card_paths, folder_models, with_folders
from spark_engine.catalog.stores.found import FoundModel
from spark_engine.catalog.verdicts import Verdicts, no_verdict
from spark_engine.paths import BaseDir, resources
from spark_engine.types.models import ModelEntry

__all__ = ["GENAI_CONFIG", "library_cards", "read_library", "to_inspect"]


def library_cards(base: BaseDir) -> dict[str, Card]:
    """Every card by id: those shipped with Spark, and the user's own, which win."""
    return read_cards((resources() / "model_cards", base.root / "model_cards"))


def read_library(
    base: BaseDir, found: Iterable[FoundModel] = (), verdicts: Verdicts = no_verdict
) -> dict[str, ModelEntry]:
    """All models by id, each variant `NotInstalled` or `Unloaded`; one whose files are not trusted says so.

    `verdicts` is asked for every path with the folders its links may lead to, and answers None while nothing is known:
    then a model without a card is not listed yet (but for what `library_own.shown_unseen` takes). `inspect_all` fits,
    and so does `Inspections.known_all`. Reads the disk: for
    a thread, not for the event loop.
    """
    cards = library_cards(base)
    models = {card.id: card_entry(card, base, verdicts) for card in cards.values()}
    with_folders(models, base, verdicts)
    add_found(models, cards, found, verdicts)
    return models


def to_inspect(base: BaseDir, found: Iterable[FoundModel] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every path that `read_library` asks verdicts for, once, with the folders its links may lead to."""
    cards = library_cards(base)
    own = [path for card in cards.values() for path in card_paths(card, base)]
    loose = [str(model.path) for _, _, model in folder_models(base)]
    yield from ((path, ()) for path in dict.fromkeys((*own, *loose)))
    yield from ((model.path, model.roots) for model in found)
