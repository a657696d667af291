"""Which model `auto` means for a request, and why: the answer people can ask for."""

from msgspec import Struct

from spark_engine.types.models import ModelKind


class Needs(Struct, frozen=True):
    """What a request asks of a model. `kinds`: what it has to be made for, best first; `context`: tokens of prompt and
    answer together, estimated; `abilities` as cards name them (`tools`, `json`); `language`: ISO 639-1, empty: any."""

    kinds: tuple[ModelKind, ...] = ("generator",)
    context: int = 0
    abilities: tuple[str, ...] = ()
    language: str = ""


class Considered(Struct, frozen=True):
    """A variant that was thought of. `possible`: it could serve the request; `why` says what speaks for and against it,
    or what rules it out; `points` order the possible ones."""

    id: str
    possible: bool
    why: str
    points: float = 0.0


class Choice(Struct, frozen=True):
    """The variant that serves a request (empty: none can), the reason in a sentence, and all others, best first."""

    id: str
    why: str
    considered: tuple[Considered, ...] = ()
