"""`spark backends`: the libraries behind each model format, installed when somebody wants them."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from spark_engine.cli.following import installed, removed
from spark_engine.cli.progress import progress_bar
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import marked, table
from spark_engine.cli.words import printable
from spark_engine.errors import SparkError
from spark_engine.types.components import (
    Broken,
    ComponentEntry,
    ComponentStatus,
    Installed,
    Installing,
    Missing,
    Removing,
    Verified,
)
from spark_engine.types.quantities import size

if TYPE_CHECKING:
    from spark_engine.client.http import SparkClient

app = typer.Typer(help="List, install and remove what runs each model format.", no_args_is_help=True)
BackendArgument = Annotated[
    str, typer.Argument(metavar="BACKEND", help="A name that `spark backends list` shows.")
]


@app.command("list")
def list_backends(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Every backend, the formats it runs, and whether a model has run with it."""
    run(Shell(json, base_dir), _list)


@app.command()
def install(backend: BackendArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Install a backend and let a model run with it; Ctrl+C cancels the installation."""
    run(Shell(json, base_dir), lambda shell: _install(shell, backend))


@app.command()
def remove(backend: BackendArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Remove a backend; the other formats go on working."""
    run(Shell(json, base_dir), lambda shell: _remove(shell, backend))


async def _list(shell: Shell) -> None:
    async with shell.client() as client:
        state = await client.state()
    entries = list(state.components.values())
    if shell.terminal.json:
        shell.terminal.tell(entries)
        return
    rows = table("Backend", "", "Formats", "State", "Version", "Download", right=("Download",))
    for entry in entries:
        rows.add_row(
            entry.id,
            printable(entry.name),
            ", ".join(entry.formats),
            component_text(entry.status),
            printable(version_of(entry.status)),
            f"about {size(entry.download_bytes)}" if isinstance(entry.status, Missing) else "",
        )
    shell.terminal.say(rows)


async def _install(shell: Shell, backend: str) -> None:
    async with shell.client() as client:
        try:
            with progress_bar(shell.terminal, f"Installing {backend}") as bar:
                entry = await installed(client, backend, bar.show_installing)
        except asyncio.CancelledError:
            await _cancel(shell, client, backend)
            raise
    _tell(shell, entry, f"{entry.name} {version_of(entry.status)} is installed; a model has run with it.")


async def _cancel(shell: Shell, client: "SparkClient", backend: str) -> None:
    """Ctrl+C: what the engine has begun must not go on behind the person's back."""
    try:
        await client.cancel_component(backend)
    except SparkError as error:
        shell.terminal.refuse(error)
    else:
        shell.terminal.note("The installation was cancelled.")


async def _remove(shell: Shell, backend: str) -> None:
    async with shell.client() as client:
        with progress_bar(shell.terminal, f"Removing {backend}"):
            entry = await removed(client, backend)
    _tell(shell, entry, f"{entry.name} is removed.")


def _tell(shell: Shell, entry: ComponentEntry, sentence: str) -> None:
    if shell.terminal.json:
        shell.terminal.tell(entry)
    else:
        shell.terminal.say(marked("ok", sentence, ""))


def component_text(status: ComponentStatus) -> Text:
    """A component's state as sign, colour and words."""
    match status:
        case Verified():
            return marked("ok", "verified", "")
        case Installed():
            return marked("ok", "installed", "")
        case Installing(fraction, step):
            return marked("warn", f"installing {fraction:.0%}: {step}", "")
        case Removing():
            return marked("warn", "removing", "")
        case Broken(_, title):
            return marked("bad", title, "")
        case Missing():
            return Text("○ not installed", "dim")


def version_of(status: ComponentStatus) -> str:
    """The installed version and, where it is known, what it was built for."""
    match status:
        case Verified(version, build):
            return f"{version} ({build})" if build else version
        case Installed(version):
            return version
        case _:
            return ""
