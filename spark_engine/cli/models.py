"""`spark models`: what is in the library, and loading and unloading it."""

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from spark_engine.cli import downloads, explaining, hub, keeping, owning
from spark_engine.cli.following import loaded, unloaded
from spark_engine.cli.keeping import fit_words, speed_words
from spark_engine.cli.models_arguments import ModelArgument
from spark_engine.cli.models_table import tell_library
from spark_engine.cli.progress import progress_bar
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import facts, marked
from spark_engine.cli.words import counted, printable, seconds
from spark_engine.errors import NotFound
from spark_engine.types.conversions import agreement_words
from spark_engine.types.ids import AUTO
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    ModelEntry,
    Ready,
    Restarting,
    VariantEntry,
    status_word,
)
from spark_engine.types.owners import owner_name
from spark_engine.types.quantities import size
from spark_engine.types.state import EngineState, find_variant

app = typer.Typer(help="Download, list, show, load and unload models.", no_args_is_help=True)


@app.command("list")
def list_models(
    all_variants: Annotated[
        bool, typer.Option("--all", help="Every variant that can be downloaded.")
    ] = False,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """What is on this machine, and what can be downloaded."""
    run(Shell(json, base_dir), lambda shell: _list(shell, all_variants))


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


_OTHERS = (
    *(downloads.pull, downloads.downloads, downloads.pause, downloads.cancel),
    *(keeping.options, keeping.fit, keeping.free),
    *(owning.rm, owning.adopt, owning.duplicates, owning.convert),
    *(hub.offers, explaining.explain),
)
for _command in _OTHERS:
    app.command()(_command)
app.add_typer(hub.tokens, name="token")


async def _list(shell: Shell, all_variants: bool) -> None:
    async with shell.client() as client:
        state = await client.state()
    tell_library(shell, state, all_variants=all_variants)


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
            shell.accepted(id, f"{id} is being loaded. `spark models list` shows how far it is.")
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
    tell_library(shell, state)


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
        ("Not trusted", variant.rejected),
        ("Fit", fit_words(variant.fit) if variant.fit and not variant.rejected else ""),
        ("Speed", speed_words(variant.fit) if variant.fit else ""),
        ("Files", variant.path or ""),
        ("Of", owner_name(variant.owner) if variant.path else ""),
        ("From", variant.repository),
        ("Made from", variant.made_from),
        ("Agreement", agreement_words(variant.agreement) if variant.made_from else ""),
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
