"""Model cards: TOML files with the facts about a model, shipped with Spark or written by the user."""

import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from spark_engine.types.generation import SamplingOptions
from spark_engine.types.ids import parse_model_ref
from spark_engine.types.models import ModelFormat, ModelKind, Pooling

log = logging.getLogger(__name__)


class CardVariant(Struct, frozen=True, forbid_unknown_fields=True):
    """One file set. `repository`/`folder` say where it is published; `bundled` where it lies in Spark's own
    resources; `path` (user cards only) where it lies on this machine. `file` is the main file within
    the folder (GGUF); empty means the folder itself is the model."""

    id: str
    format: ModelFormat
    quantization: str
    size_bytes: int = 0
    repository: str = ""
    folder: str = ""
    file: str = ""
    bundled: str = ""
    path: str = ""


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    """A model's facts; variants stand best first. `kind`: what it is made for, as long as its files are not here to
    say it. `pooling`: how its embeddings are made, where its files do not say it or are wrong."""

    id: str
    name: str
    family: str
    licence: str
    summary: str
    parameters: int
    context: int
    variants: tuple[CardVariant, ...]
    sampling: SamplingOptions = SamplingOptions()
    kind: ModelKind = "generator"
    pooling: Pooling | None = None


def read_card(file: Path) -> Card:
    """One card; ValueError with the reason when the file is not one."""
    try:
        card = msgspec.toml.decode(file.read_bytes(), type=Card)
    except (msgspec.MsgspecError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file.name}: {error}") from error
    for variant in card.variants:
        parse_model_ref(f"{card.id}:{variant.id}")
    return card


def read_cards(folders: Iterable[Path]) -> dict[str, Card]:
    """Every card in these folders by id; a later folder's card replaces an earlier one's. Bad files are
    logged and skipped.
    """
    cards: dict[str, Card] = {}
    for file in (f for folder in folders for f in sorted(folder.glob("*.toml"))):
        try:
            card = read_card(file)
        except ValueError as error:
            log.warning("model card skipped: %s", error)
        else:
            cards[card.id] = card
    return cards
