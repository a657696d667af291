"""The library as tables: what is on this machine, and what can be downloaded."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from spark_engine.cli.keeping import speed_words
from spark_engine.cli.shell import Shell
from spark_engine.cli.terminal import marked, table
from spark_engine.cli.words import counted, printable
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    ModelEntry,
    Ready,
    Restarting,
    VariantEntry,
    VariantStatus,
    is_installed,
    status_word,
)
from spark_engine.types.owners import SPARK, owner_name
from spark_engine.types.quantities import size
from spark_engine.types.state import EngineState


def tell_library(shell: Shell, state: EngineState, *, all_variants: bool = False) -> None:
    """What is on this machine, variant by variant; then a line for each model that can be downloaded, or (with
    `all_variants`) for each of its variants."""
    if shell.terminal.json:
        shell.terminal.tell({"default": state.default_model, "models": list(state.models.values())})
        return
    rows = table("Model", "State", "Size", "Format", "", right=("Size",))
    for variant in _variants(state, installed=True):
        rows.add_row(*_row(variant, variant.id == state.default_model))
    shell.terminal.say(rows)
    shell.terminal.say()
    shell.terminal.say(_every_absent(state) if all_variants else _models_to_fetch(state))
    if not all_variants:
        shell.terminal.say(
            "`spark models list --all` shows every variant; `spark models pull NAME` downloads one."
        )


def _variants(state: EngineState, *, installed: bool) -> Iterator[VariantEntry]:
    for model in state.models.values():
        yield from (v for v in model.variants if is_installed(v.status) == installed)


def _every_absent(state: EngineState) -> RenderableType:
    rows = table("Can be downloaded", "Size", "Format", "Fit", right=("Size",))
    for variant in _variants(state, installed=False):
        rows.add_row(
            printable(variant.id), size(variant.size_bytes), printable(_kind(variant)), _fit(variant)
        )
    return rows


def _models_to_fetch(state: EngineState) -> RenderableType:
    """A line for each model of which nothing is here: its smallest file set, and what it is for."""
    rows = table("Can be downloaded", "From", "", "What it is", right=("From",))
    for model in state.models.values():
        if not any(is_installed(v.status) for v in model.variants) and model.variants:
            rows.add_row(*_model_row(model))
    return rows


def _model_row(model: ModelEntry) -> tuple[RenderableType, ...]:
    smallest = min(model.variants, key=lambda v: v.size_bytes)
    return printable(model.id), size(smallest.size_bytes), _fit(smallest), printable(model.summary)


def _fit(variant: VariantEntry) -> Text:
    """Whether a variant fits, short enough for a table."""
    fit = variant.fit
    if fit is None:
        return Text("")
    match fit.verdict:
        case "fits":
            return marked("ok", speed_words(fit) or "fits", "")
        case "smaller_context":
            return marked("warn", f"{counted(fit.largest_context, 'token')} of context", "")
        case _:
            return marked("bad", f"{size(fit.missing_bytes)} short", "")


def _row(variant: VariantEntry, is_default: bool) -> tuple[RenderableType, ...]:
    notes = ["answers as `auto`"] if is_default else []
    if variant.rejected:
        notes.append("its files are not in order")
    elif variant.component:
        notes.append(f"needs the backend {variant.component}")
    if variant.owner != SPARK:
        notes.append(f"of {owner_name(variant.owner)}")
    bytes = size(variant.size_bytes) if variant.size_bytes else ""
    return (
        printable(variant.id),
        state_text(variant.status),
        bytes,
        printable(_kind(variant)),
        printable(", ".join(notes)),
    )


def state_text(status: VariantStatus) -> Text:
    """A state as sign, colour and words, short enough for a table."""
    word = status_word(status)
    match status:
        case Ready(device):
            return marked("ok", f"{word} on {device}", "")
        case Loading(fraction):
            return marked("warn", f"{word} {fraction:.0%}", "")
        case LoadFailed() | Restarting():
            return marked("bad", word, "")
        case _:
            return Text(f"○ {word}", "dim")


def _kind(variant: VariantEntry) -> str:
    return " ".join(word for word in (variant.format, variant.quantization) if word and word != "none")
