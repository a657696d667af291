"""The one thing to do with a variant now: which button its row has, and what that asks for."""

from msgspec import Struct

from app.headline import FORMATS
from spark_engine.types.components import Broken, ComponentEntry, Installing, Removing
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    ModelEntry,
    NotInstalled,
    Ready,
    Restarting,
    Unloaded,
    VariantEntry,
    is_installed,
)
from spark_engine.types.quantities import size


class RowAction(Struct, frozen=True):
    """What a button does: an intent of `Actions` by name with its argument, and the button's word."""

    intent: str
    word: str
    argument: str


def row_action(variant: VariantEntry, component: ComponentEntry | None) -> RowAction | None:
    """The one thing to do; None while the variant moves, cannot be used, or lies nowhere it could be fetched from."""
    if isinstance(variant.status, NotInstalled):
        return download_action(variant)
    if variant.rejected or (component is not None and isinstance(component.status, (Installing, Removing))):
        return None
    match variant.status:
        case Ready() | Loading() | Restarting():
            return RowAction(
                "unload", "Unload" if isinstance(variant.status, Ready) else "Cancel", variant.id
            )
        case LoadFailed():
            return RowAction("load", "Retry", variant.id)
        case Unloaded():
            return _first_step(variant, component)
        case _:
            return None


def download_action(variant: VariantEntry) -> RowAction | None:
    """Fetch it and load it then; None where it cannot be fetched."""
    if not variant.repository or variant.rejected:
        return None
    amount = f" {size(variant.size_bytes)}" if variant.size_bytes else ""
    return RowAction("download", f"Download{amount}", variant.id)


def recommended(model: ModelEntry) -> VariantEntry | None:
    """The variant to fetch: the first one that fits, while none of the model's variants is here."""
    if any(is_installed(v.status) for v in model.variants):
        return None
    found = [v for v in model.variants if download_action(v) is not None]
    return next((v for v in found if v.fit is None or v.fit.verdict != "too_large"), None)


def _first_step(variant: VariantEntry, component: ComponentEntry | None) -> RowAction:
    """Load, or first install what is missing for that."""
    if component is None:
        return RowAction("load", "Load", variant.id)
    if isinstance(component.status, Broken):
        return RowAction("install", "Try again", component.id)
    return RowAction("install", f"Install {_support(variant, component)} support", component.id)


def _support(variant: VariantEntry, component: ComponentEntry) -> str:
    """What a component adds: its one format (GGUF), else its own name (PyTorch)."""
    return FORMATS[variant.format] if len(component.formats) == 1 else component.name
