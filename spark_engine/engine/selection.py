"""What `auto` means: chooses a variant for a request from what is installed, and says why. Pure."""

import math
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from spark_engine.types.models import (
    LoadFailed,
    ModelEntry,
    ModelKind,
    Ready,
    VariantEntry,
    is_installed,
    is_moving,
)
from spark_engine.types.quantities import size, speed
from spark_engine.types.selection import Choice, Considered, Needs

FreeBytes = Callable[[], int]
SERVED_FIRST = ("onnx", "gguf", "safetensors", "pytorch", "echo")
MEMORY_SHARE = 0.8
"""Of the free memory, where nothing better is known than the size of a model's files."""
_LOADED, _SLOW, _VERY_SLOW, _NO_LANGUAGE = 8.0, -8.0, -20.0, -15.0
_NO_ABILITY = {"tools": -20.0, "json": -4.0}
"""Grammars make every model call tools and write JSON; those made for it fill them better."""
_OTHER_KIND, _WISHED = -500.0, 10_000.0
_READING_SPEED, _PATIENCE = 6.0, 3.0
"""Tokens per second: about as fast as people read, and what they barely wait for."""


class Reason(Struct, frozen=True):
    """Something that counts for or against a variant: `points` on the scale of MMLU's percent."""

    points: float
    words: str


def choose(
    models: Mapping[str, ModelEntry], needs: Needs, *, wished: str = "", free_bytes: FreeBytes | None = None
) -> Choice:
    """The best variant for `needs`. `wished`: a model or variant that wins wherever it can serve at all; `free_bytes`
    tells the memory for what is not loaded, where no fit is known (None: enough). `wished` is tried even where it seems
    too large."""
    considered = [
        _consider(model, variant, needs, wished, free_bytes)
        for model in models.values()
        for variant in model.variants
        if is_installed(variant.status)
    ]
    ranked = sorted(considered, key=lambda c: (not c.possible, -c.points))
    if not ranked or not ranked[0].possible:
        why = "No installed model can serve this." if ranked else "No model is installed."
        return Choice("", why, tuple(ranked))
    return Choice(ranked[0].id, ranked[0].why, tuple(ranked[1:]))


def _consider(
    model: ModelEntry, variant: VariantEntry, needs: Needs, wished: str, free_bytes: FreeBytes | None
) -> Considered:
    is_wished = bool(wished) and wished in (variant.id, model.id)
    ruled_out = next(_ruled_out(model, variant, needs, None if is_wished else free_bytes), None)
    if ruled_out is not None:
        return Considered(variant.id, False, ruled_out)
    wish = [Reason(_WISHED, "the model of your settings")] if is_wished else []
    reasons = [*wish, *_reasons(model, variant, needs)]
    words = ", ".join(reason.words for reason in reasons if reason.words)
    return Considered(variant.id, True, words, sum(reason.points for reason in reasons))


def _ruled_out(
    model: ModelEntry, variant: VariantEntry, needs: Needs, free_bytes: FreeBytes | None
) -> Iterator[str]:
    """Why a variant cannot serve."""
    if variant.kind not in needs.kinds:
        yield _MADE_FOR[variant.kind]
    if variant.rejected:
        yield variant.rejected
    if variant.component is not None:
        yield f"needs the component {variant.component}, which is not installed"
    if isinstance(variant.status, LoadFailed):
        yield f"could not be loaded: {variant.status.title}"
    room = _largest_context(model, variant)
    if needs.context > room:
        yield f"holds {room:,} tokens of context, and this needs about {needs.context:,}"
    if not has_its_memory(variant):
        yield from _too_large(variant, free_bytes)


def _too_large(variant: VariantEntry, free_bytes: FreeBytes | None) -> Iterator[str]:
    if free_bytes is None:
        return
    if variant.fit is not None and variant.fit.verdict == "too_large":
        yield f"needs {size(variant.fit.missing_bytes)} more memory than is free"
    elif variant.fit is None and variant.size_bytes > free_bytes() * MEMORY_SHARE:
        yield f"has {size(variant.size_bytes)}, more than fits into the memory that is free"


def _reasons(model: ModelEntry, variant: VariantEntry, needs: Needs) -> Iterator[Reason]:
    yield Reason(_strength(model), f"{_billions(model.parameters)} parameters" if model.parameters else "")
    yield Reason(_OTHER_KIND * needs.kinds.index(variant.kind), "")
    yield Reason(_tie_breaker(variant), "")
    if has_its_memory(variant):
        yield Reason(_LOADED, "loaded" if isinstance(variant.status, Ready) else "being loaded")
    yield from _pace(variant)
    for ability in needs.abilities:
        able = ability in model.abilities
        points = 0.0 if able else _NO_ABILITY[ability]
        yield Reason(points, f"made for {ability}" if able else f"not made for {ability}")
    if needs.language and model.languages and needs.language not in model.languages:
        yield Reason(_NO_LANGUAGE, f"not made for the language {needs.language}")


def _pace(variant: VariantEntry) -> Iterator[Reason]:
    rate = variant.fit.tokens_per_second if variant.fit else 0.0
    if rate:
        points = 0.0 if rate >= _READING_SPEED else _SLOW if rate >= _PATIENCE else _VERY_SLOW
        measured = "measured" if variant.fit and variant.fit.measured else "expected"
        yield Reason(points, f"{speed(rate)} {measured}")


def _strength(model: ModelEntry) -> float:
    """How good a model is, in MMLU's percent: as published, else what models of its size reach (about ten points for
    each doubling, 30 at 360 million parameters, as the cards' own figures lie)."""
    if model.quality:
        return model.quality
    return 30.0 + 10.0 * math.log2(model.parameters / 360e6) if model.parameters else 0.0


def _tie_breaker(variant: VariantEntry) -> float:
    """Between variants of one model: the faster one, then formats in the order in which Spark knows them best."""
    rate = variant.fit.tokens_per_second if variant.fit else 0.0
    return min(1.0, rate / 100.0) - 0.01 * SERVED_FIRST.index(variant.format)


def _largest_context(model: ModelEntry, variant: VariantEntry) -> int:
    if isinstance(variant.status, Ready):
        return variant.status.context
    fitting = variant.fit.largest_context if variant.fit and variant.fit.largest_context else model.context
    return min(model.context, fitting)


def has_its_memory(variant: VariantEntry) -> bool:
    """Whether a variant is loaded or on its way."""
    return isinstance(variant.status, Ready) or is_moving(variant.status)


def _billions(parameters: int) -> str:
    return f"{parameters / 1e9:.1f} billion" if parameters >= 1e9 else f"{parameters / 1e6:.0f} million"


_MADE_FOR: dict[ModelKind, str] = {
    "generator": "writes text",
    "embedder": "turns texts into vectors",
    "reranker": "scores texts against a question",
}
