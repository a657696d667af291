"""In which order models stand on their page: what is here, then what could be fetched, the most useful first."""

from msgspec import Struct

from app.download_words import unfinished
from app.headline import FORMATS
from spark_engine.types.models import ModelEntry, is_installed
from spark_engine.types.owners import owner_name
from spark_engine.types.state import EngineState

MADE_FOR = "phi-4-mini"
"""The model Spark is made for."""


class Order(Struct, frozen=True):
    """Ids of models: those on this machine or on their way, and the others."""

    here: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them."""
        return self.here + self.others


def ordered(state: EngineState) -> Order:
    """The order for this state. What writes text comes before what only reads it; what does not fit comes last."""
    ids = sorted(state.models, key=lambda id: _rank(state.models[id]))
    here = tuple(id for id in ids if _is_here(state.models[id], state))
    return Order(here, tuple(id for id in ids if id not in here))


def is_meant(model: ModelEntry, wanted: str) -> bool:
    """Whether every word of `wanted` (small letters) stands in what the model is called, made of or came from."""
    told = [model.id, model.name, model.family, *model.abilities]
    for variant in model.variants:
        told += [variant.id, FORMATS[variant.format], owner_name(variant.owner), variant.repository]
    said = " ".join(told).lower()
    return all(word in said for word in wanted.split())


def _is_here(model: ModelEntry, state: EngineState) -> bool:
    return any(is_installed(v.status) or unfinished(v, state.downloads) for v in model.variants)


def _rank(model: ModelEntry) -> tuple[bool, bool, bool, float, str]:
    fits = any(v.fit is None or v.fit.verdict != "too_large" for v in model.variants)
    writes = any(v.kind == "generator" for v in model.variants)
    return model.id != MADE_FOR, not fits, not writes, -model.quality, model.name.lower()
