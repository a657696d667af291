"""`spark models`: what is in the library, and loading and unloading it."""

import asyncio
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from spark_engine.cli.following import loaded, unloaded
from spark_engine.cli.progress import progress_bar
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import facts, marked, table
from spark_engine.cli.words import counted, printable, seconds, size
from spark_engine.errors import NotFound
from spark_engine.types.ids import AUTO
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    ModelEntry,
    Ready,
    Restarting,
    VariantEntry,
    VariantStatus,
    status_word,
)
from spark_engine.types.state import EngineState, find_variant

app = typer.Typer(help="List, show, load and unload models.", no_args_is_help=True)
ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model (spark-nano), one of its variants, or auto.")
]


@app.command("list")
def list_models(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Every model Spark knows, with the state of each variant."""
    run(Shell(json, base_dir), _list)


@app.command()
def show(model: ModelArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """One model with all that is known about it."""
    run(Shell(json, base_dir), lambda shell: _show(shell, model))


@app.command()
def load(
    model: ModelArgument,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the model answers.")] = True,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Load a model, so that its first answer comes at once."""
    run(Shell(json, base_dir), lambda shell: _load(shell, model, wait))


@app.command()
def unload(model: ModelArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """End a model's process and give its memory back."""
    run(Shell(json, base_dir), lambda shell: _unload(shell, model))


@app.command()
def scan(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Read the library anew from disk, after files were added or removed."""
    run(Shell(json, base_dir), _scan)


async def _list(shell: Shell) -> None:
    async with shell.client() as client:
        state = await client.state()
    _tell_library(shell, state)


async def _show(shell: Shell, model: str) -> None:
    async with shell.client() as client:
        state = await client.state()
    entry = _find(state, model)
    if shell.terminal.json:
        shell.terminal.tell(entry)
        return
    shell.terminal.say(printable(entry.name), style="bold")
    shell.terminal.say(
        facts(
            ("Id", entry.id),
            ("What it is", entry.summary),
            ("Family", entry.family),
            ("Licence", entry.licence),
            ("Parameters", f"{entry.parameters / 1e6:,.0f} million" if entry.parameters else ""),
            ("Context", f"up to {entry.context:,} tokens"),
        )
    )
    for variant in entry.variants:
        shell.terminal.say()
        shell.terminal.say(_variant_details(variant))


async def _load(shell: Shell, model: str, wait: bool) -> None:
    async with shell.client() as client:
        if not wait:
            id = await client.load(model)
            _tell_accepted(shell, id, f"{id} is being loaded. `spark models list` shows how far it is.")
            return
        try:
            with progress_bar(shell.terminal, model) as bar:
                entry = await loaded(client, model, bar.show_loading)
        except asyncio.CancelledError:
            shell.terminal.note(f"Loading goes on in the background; `spark models unload {model}` ends it.")
            raise
    if shell.terminal.json:
        shell.terminal.tell(entry)
    else:
        shell.terminal.say(marked("ok", f"{entry.id} is {describe(entry)}", style=""))


async def _unload(shell: Shell, model: str) -> None:
    async with shell.client() as client:
        entry = await unloaded(client, model)
    if shell.terminal.json:
        shell.terminal.tell(entry)
    else:
        shell.terminal.say(f"{entry.id} is no longer in memory.")


async def _scan(shell: Shell) -> None:
    async with shell.client() as client:
        await client.rescan()
        state = await client.state()
    _tell_library(shell, state)


def _tell_accepted(shell: Shell, id: str, sentence: str) -> None:
    if shell.terminal.json:
        shell.terminal.tell({"id": id, "accepted": True})
    else:
        shell.terminal.say(sentence)


def _tell_library(shell: Shell, state: EngineState) -> None:
    if shell.terminal.json:
        shell.terminal.tell({"default": state.default_model, "models": list(state.models.values())})
        return
    rows = table("Model", "State", "Size", "Format", "", right=("Size",))
    for model in state.models.values():
        for variant in model.variants:
            rows.add_row(*_row(variant, variant.id == state.default_model))
    shell.terminal.say(rows)


def _row(variant: VariantEntry, is_default: bool) -> tuple[RenderableType, ...]:
    kind = " ".join(word for word in (variant.format, variant.quantization) if word and word != "none")
    notes = ["answers as `auto`"] if is_default else []
    if variant.component:
        notes.append(f"needs the backend {variant.component}")
    bytes = size(variant.size_bytes) if variant.size_bytes else ""
    return (
        printable(variant.id),
        state_text(variant.status),
        bytes,
        printable(kind),
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


def describe(variant: VariantEntry) -> str:
    """A variant's state in words, with what goes with it."""
    match variant.status:
        case Ready(device, context, _, memory, load_ms):
            return (
                f"ready on {device}, {counted(context, 'token')} of context, "
                f"{size(memory)} of memory, loaded in {seconds(load_ms / 1000)}"
            )
        case Loading(fraction, step):
            return f"loading, {fraction:.0%}: {step}"
        case Restarting(_, delay, reason):
            return f"restarting in {seconds(delay)}: {reason}"
        case LoadFailed(_, title):
            return f"failed: {title}"
        case status:
            return status_word(status)


def _variant_details(variant: VariantEntry) -> Table:
    evidence = variant.status.evidence if isinstance(variant.status, LoadFailed | Restarting) else ""
    failed = variant.status if isinstance(variant.status, LoadFailed) else None
    return facts(
        ("Variant", variant.id),
        ("State", describe(variant)),
        ("Why", failed.message if failed else ""),
        ("What to do", failed.remedy if failed else ""),
        ("Evidence", evidence),
        ("Format", f"{variant.format} {variant.quantization}".strip()),
        ("Size", size(variant.size_bytes) if variant.size_bytes else ""),
        ("Files", variant.path or ""),
        ("Needs", f"`spark backends install {variant.component}`" if variant.component else ""),
    )


def _find(state: EngineState, model: str) -> ModelEntry:
    """The model with this id, the one with this variant, or what `auto` means."""
    wanted = state.default_model if model == AUTO else model
    entry = state.models.get(wanted.partition(":")[0])
    if entry is None or (":" in wanted and find_variant(state, wanted) is None):
        raise NotFound(
            "model_not_found",
            "No such model",
            f"Spark knows no model called {model}.",
            "`spark models list` shows what there is.",
        )
    return entry
