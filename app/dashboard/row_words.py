"""What the row of a variant says: its state as a mark and a word, the sentence below, and what can be copied."""

from msgspec import Struct

from app.download_words import Transfer
from app.widgets.chip import Shape
from app.words import breakable, duration, plain, tokens
from spark_engine.types.components import Broken, ComponentEntry
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    NotInstalled,
    Ready,
    Restarting,
    Unloaded,
    Unloading,
    VariantEntry,
    VariantStatus,
    status_word,
)
from spark_engine.types.quantities import size

_MARKS: dict[type, tuple[str, Shape]] = {
    NotInstalled: ("quiet", "dash"),
    Unloaded: ("quiet", "ring"),
    Loading: ("info", "half"),
    Ready: ("ok", "disc"),
    Unloading: ("info", "half"),
    Restarting: ("warn", "triangle"),
    LoadFailed: ("bad", "cross"),
}


class RowText(Struct, frozen=True):
    """A sentence or two below the row, what to do, and what [Copy details] copies (empty: no such button)."""

    detail: str = ""
    remedy: str = ""
    evidence: str = ""


def state_mark(
    variant: VariantEntry, lacking: ComponentEntry | None, moving: Transfer | None
) -> tuple[str, str, Shape]:
    """Word, tone and shape of the row's state. `lacking`: the component without which it cannot be loaded."""
    if moving is not None:
        return moving.word, moving.tone, moving.shape
    if variant.rejected:
        return "not trusted", "bad", "cross"
    if lacking is not None:
        return "component missing", "warn", "triangle"
    tone, shape = _MARKS[type(variant.status)]
    return status_word(variant.status), tone, shape


def row_text(variant: VariantEntry, lacking: ComponentEntry | None) -> RowText:
    """What is to be said below the row."""
    if variant.rejected:
        evidence = "\n".join(part for part in (variant.id, variant.path or "", variant.rejected) if part)
        return RowText(breakable(plain(variant.rejected)), "", evidence)
    status = variant.status
    broken = lacking.status if lacking and isinstance(lacking.status, Broken) else None
    failed = status if isinstance(status, LoadFailed) else broken
    if failed is not None:
        said = breakable(plain(f"{failed.title}. {failed.message}"))
        return RowText(said, plain(failed.remedy), _evidence(failed))
    return RowText(_detail(status, lacking), "", _evidence(status))


def _detail(status: VariantStatus, lacking: ComponentEntry | None) -> str:
    match status:
        case Ready():
            parts = (
                f"on {status.device}",
                f"{size(status.memory_bytes)} of memory" if status.memory_bytes else "",
                f"context {tokens(status.context)}" if status.context else "",
                f"loaded in {duration(status.load_ms)}" if status.load_ms else "",
            )
            return "  ·  ".join(part for part in parts if part)
        case Restarting():
            return f"{status.reason} Starting again in {status.delay_s:.0f} s (attempt {status.attempt})."
        case Unloaded() if lacking is not None:
            return _what_is_missing(lacking)
        case _:
            return ""


def _what_is_missing(component: ComponentEntry) -> str:
    fetched = f" ({size(component.download_bytes)} to download)" if component.download_bytes else ""
    return f"Needs the component “{component.name}”, which is not installed{fetched}."


def _evidence(status: object) -> str:
    if isinstance(status, (LoadFailed, Broken)):
        parts = (status.title, status.message, status.remedy, f"code: {status.code}", status.evidence)
        return "\n".join(part for part in parts if part)
    return f"{status.reason}\n{status.evidence}".strip() if isinstance(status, Restarting) else ""
