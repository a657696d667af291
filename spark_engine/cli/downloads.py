"""`spark models pull` and `downloads`: fetching models, pausing, dropping, and what is on its way."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from spark_engine.cli.following import fetched, loaded
from spark_engine.cli.needing import made_ready
from spark_engine.cli.progress import progress_bar
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import marked, table
from spark_engine.cli.words import printable, seconds
from spark_engine.errors import SparkError
from spark_engine.types.downloads import (
    DownloadEntry,
    DownloadFailed,
    Fetched,
    is_running,
    progress_words,
)
from spark_engine.types.quantities import size

if TYPE_CHECKING:
    from spark_engine.client.http import SparkClient

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A model of a card (phi-4-mini, phi-4-mini:gguf-q8_0) or of the hub (org/name[:variant]).",
    ),
]
DownloadArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A variant that `spark models downloads` shows.")
]


def pull(
    model: SourceArgument,
    load: Annotated[bool, typer.Option("--load/--no-load", help="Load the model once it is here.")] = True,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is here.")] = True,
    install: Annotated[
        bool, typer.Option("--install", help="Install the component that the model needs, too.")
    ] = False,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Download a model, check its files and load it. Ctrl+C pauses; the same command goes on."""
    run(Shell(json, base_dir), lambda shell: _pull(shell, model, load, wait, install))


def downloads(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """What is being downloaded, was paused, failed or has just arrived."""
    run(Shell(json, base_dir), _downloads)


def pause(model: DownloadArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Pause a download; what was fetched is kept."""
    run(Shell(json, base_dir), lambda shell: _pause(shell, model))


def cancel(model: DownloadArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Drop a download and delete what was fetched of it."""
    run(Shell(json, base_dir), lambda shell: _cancel(shell, model))


async def _pull(shell: Shell, model: str, load: bool, wait: bool, install: bool) -> None:
    async with shell.client() as client:
        load = await made_ready(shell, client, model, install=install) and load
        if not wait:
            id = await client.download(model, load=load)
            shell.accepted(id, f"{id} is being downloaded. `spark models downloads` shows how far it is.")
            return
        entry = await _watched(shell, client, model, load)
        if load:
            with progress_bar(shell.terminal, entry.id) as bar:
                await loaded(client, entry.id, bar.show_loading)
    if shell.terminal.json:
        shell.terminal.tell(entry)
        return
    took = f" in {seconds(entry.status.seconds)}" if isinstance(entry.status, Fetched) else ""
    word = "is here and loaded" if load else "is here"
    shell.terminal.say(
        marked("ok", f"{entry.id} {word}: {size(entry.bytes_total)}{took}, every file checked.", "")
    )


async def _watched(shell: Shell, client: "SparkClient", model: str, load: bool) -> DownloadEntry:
    """Fetch with a bar; Ctrl+C pauses."""
    last: list[DownloadEntry] = []

    def show(entry: DownloadEntry) -> None:
        last[:] = [entry]
        bar.show_download(entry)

    try:
        with progress_bar(shell.terminal, model) as bar:
            return await fetched(client, model, load, show)
    except asyncio.CancelledError:
        if last and is_running(last[0]):
            await _pause_behind(shell, client, last[0], model)
        raise


async def _pause_behind(shell: Shell, client: "SparkClient", entry: DownloadEntry, model: str) -> None:
    """Ctrl+C: what the engine fetches must not go on behind the person's back."""
    try:
        await client.pause_download(entry.id)
    except SparkError as error:
        shell.terminal.refuse(error)
    else:
        shell.terminal.note(f"Paused at {size(entry.bytes_done)}; `spark models pull {model}` goes on.")


async def _downloads(shell: Shell) -> None:
    async with shell.client() as client:
        entries = list((await client.state()).downloads.values())
    if shell.terminal.json:
        shell.terminal.tell(entries)
        return
    if not entries:
        shell.terminal.say("Nothing is being downloaded. `spark models list` shows what can be.")
        return
    rows = table("Model", "From", "")
    for entry in entries:
        rows.add_row(printable(entry.id), printable(entry.source), _state_text(entry))
    shell.terminal.say(rows)


def _state_text(entry: DownloadEntry) -> Text:
    words = progress_words(entry)
    match entry.status:
        case Fetched():
            return marked("ok", f"here, {words}", "")
        case DownloadFailed(_, title):
            return marked("bad", f"{title} · {words}", "")
        case _:
            return marked("warn", words, "") if is_running(entry) else Text(f"○ {words}", "dim")


async def _pause(shell: Shell, id: str) -> None:
    async with shell.client() as client:
        await client.pause_download(id)
    shell.accepted(id, f"{id} is paused; `spark models pull {id}` goes on.")


async def _cancel(shell: Shell, id: str) -> None:
    async with shell.client() as client:
        await client.cancel_download(id)
    shell.accepted(id, f"{id} is dropped.")
