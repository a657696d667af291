"""Which variant a model name means: pure choices over the library and what is loaded."""

from collections.abc import Mapping

from spark_engine.engine.selection import SERVED_FIRST, has_its_memory
from spark_engine.errors import Conflict, InvalidRequest, NotFound
from spark_engine.types.ids import AUTO, ModelRef, parse_model_ref
from spark_engine.types.models import (
    LoadFailed,
    ModelEntry,
    ModelKind,
    Ready,
    VariantEntry,
    is_installed,
)


def find(models: Mapping[str, ModelEntry], name: str, default: str) -> VariantEntry:
    """The variant that `name` means. NotFound when there is none or its files are not here, Conflict when they are
    not to be trusted."""
    if name == AUTO:
        if not default:
            raise NotFound("no_model", "No model is installed", "There is no model to answer with.", _PULL)
        name = default
    ref = _parsed(name)
    model = models.get(ref.model)
    variant = None if model is None else _variant_of(model, ref)
    if model is None or (variant is None and ref.variant is not None):
        raise _unknown(name, models)
    if variant is None or not is_installed(variant.status):
        raise NotFound(
            "model_not_installed",
            f"{name} is not on this machine",
            "Its files have not been downloaded.",
            _PULL,
            param="model",
        )
    if variant.rejected and not has_its_memory(variant):
        raise Conflict(
            "model_rejected",
            f"{variant.id} cannot be loaded",
            f"Its files are not in order: {variant.rejected}",
            "Fetch the model again, or take another one.",
            param="model",
        )
    return variant


def find_made_for(
    kinds: tuple[ModelKind, ...], models: Mapping[str, ModelEntry], name: str, default: str
) -> VariantEntry:
    """As `find`, for work that only models of some kinds can do. `auto` means the first of `kinds` that is here, and
    among models that generate the default one. InvalidRequest when the named model is of another kind."""
    if name == AUTO:
        name = next((id for kind in kinds if (id := _first_of(kind, models))), AUTO)
    variant = find(models, name, default)
    if variant.kind not in kinds:
        raise _made_for_else(variant, kinds)
    return variant


def best_variant(model: ModelEntry) -> VariantEntry | None:
    """The variant that stands for its model: a ready one, else the first installed whose component is
    there.
    """
    installed = [v for v in model.variants if is_installed(v.status)]
    return max(installed, key=_rank, default=None)


def _first_of(kind: ModelKind, models: Mapping[str, ModelEntry]) -> str:
    """The variant to take of the models of a kind; empty for models that generate, and when there is none."""
    best = [v for m in models.values() if (v := best_variant(m)) is not None]
    here = [v for v in best if v.kind == kind and not v.rejected]
    return max(here, key=_rank).id if here and kind != "generator" else ""


_PULL = "Open Models and download one, or run `spark models list`."


def _parsed(name: str) -> ModelRef:
    try:
        return parse_model_ref(name)
    except ValueError as error:
        raise _unknown(name, {}) from error


def _variant_of(model: ModelEntry, ref: ModelRef) -> VariantEntry | None:
    if ref.variant is None:
        return best_variant(model)
    return next((v for v in model.variants if v.id == str(ref)), None)


def _unknown(name: str, models: Mapping[str, ModelEntry]) -> NotFound:
    known = ", ".join(models) or "none yet"
    return NotFound(
        "model_not_found",
        "Unknown model",
        f"There is no model named {name[:100]!r}. Known models: {known}.",
        "Ask for `auto` to let Spark choose, or see `spark models list`.",
        param="model",
    )


def _made_for_else(variant: VariantEntry, kinds: tuple[ModelKind, ...]) -> InvalidRequest:
    """The refusal of a model that was made for other work. Only generating and embedding have such models."""
    does = "turns texts into vectors" if variant.kind == "embedder" else "scores texts against a question"
    code, title, cannot = (
        ("model_cannot_generate", "This model does not write text", "It cannot answer or continue text.")
        if kinds == ("generator",)
        else ("model_cannot_embed", "This model does not embed", "It gives no vectors of single texts.")
    )
    remedy = "Choose another model, or `auto` to let Spark choose."
    return InvalidRequest(code, title, f"{variant.id} {does}. {cannot}", remedy, param="model")


def _usable(variant: VariantEntry) -> bool:
    return variant.component is None and not isinstance(variant.status, LoadFailed)


def _rank(variant: VariantEntry) -> tuple[bool, bool, bool, bool, int]:
    """Trusted before rejected; ready before loading before the rest; then those that can run, in the order formats are
    preferred."""
    return (
        not variant.rejected,
        isinstance(variant.status, Ready),
        has_its_memory(variant),
        _usable(variant),
        -SERVED_FIRST.index(variant.format),
    )
