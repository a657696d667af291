"""`spark models rm`, `adopt`, `duplicates` and `convert`: what lies on the disk, and making other forms of it."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spark_engine.cli.following import converted
from spark_engine.cli.models_arguments import VariantArgument
from spark_engine.cli.progress import Bar, progress_bar
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import marked, table
from spark_engine.cli.words import counted, printable, seconds
from spark_engine.errors import InvalidRequest, SparkError, Unavailable
from spark_engine.types.conversions import ConversionEntry, Converted, agreement_words
from spark_engine.types.duplicates import Compared, Comparing, DuplicateGroup
from spark_engine.types.owners import owner_name
from spark_engine.types.quantities import size

if TYPE_CHECKING:
    from spark_engine.client.http import SparkClient

PathArgument = Annotated[
    Path, typer.Argument(help="A GGUF file, a model's folder, or a folder with models in it.")
]
TargetArgument = Annotated[
    str,
    typer.Argument(metavar="TARGET", help="As in onnx-int4, onnx-int8, onnx-fp16, gguf-q8_0, gguf-q4_k_m."),
]


def rm(model: VariantArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Delete a variant's files; of one that belongs to another program only Spark's memory of it."""
    run(Shell(json, base_dir), lambda shell: _rm(shell, model))


def adopt(path: PathArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Use models where they lie, without copying; also shows again what `rm` made Spark forget."""
    run(Shell(json, base_dir), lambda shell: _adopt(shell, str(path.expanduser().absolute())))


def duplicates(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Model files that lie on this machine more than once, and the room they take."""
    run(Shell(json, base_dir), _duplicates)


def convert(
    model: VariantArgument,
    target: TargetArgument,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")] = True,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Make another variant of a model, and see how well it agrees with the original; Ctrl+C cancels."""
    run(Shell(json, base_dir), lambda shell: _convert(shell, model, target, wait))


async def _rm(shell: Shell, model: str) -> None:
    async with shell.client() as client:
        id = await client.remove_model(model)
    shell.accepted(id, f"{id} is removed.")


async def _adopt(shell: Shell, path: str) -> None:
    async with shell.client() as client:
        await client.adopt(path)
    shell.accepted(path, "`spark models list` shows what is there.")


async def _duplicates(shell: Shell) -> None:
    async with shell.client() as client:
        with progress_bar(shell.terminal, "Comparing files") as bar:
            groups = await _compared(client, bar)
    if shell.terminal.json:
        shell.terminal.tell(groups)
        return
    if not groups:
        shell.terminal.say("No model file lies here twice.")
        return
    rows = table("File", "Of", "Model", "Room", right=("Room",))
    for group in groups:
        for place, copy in enumerate(group.copies):
            room = size(group.reclaimable_bytes) if place == 0 else ""
            rows.add_row(printable(copy.path), owner_name(copy.owner), printable(copy.variant), room)
    shell.terminal.say(rows)
    total = sum(group.reclaimable_bytes for group in groups)
    shell.terminal.say(f"{counted(len(groups), 'file')} more than once; {size(total)} could be freed.")


async def _compared(client: "SparkClient", bar: Bar) -> tuple[DuplicateGroup, ...]:
    async with aclosing(client.search_duplicates()) as search:
        async for said in search:
            match said:
                case Comparing(done, total):
                    bar.show_bytes(done, total)
                case Compared(groups):
                    return groups
    raise Unavailable("search_ended", "The search ended early", "The engine stopped meanwhile.")


async def _convert(shell: Shell, model: str, target: str, wait: bool) -> None:
    format, dash, quantization = target.partition("-")
    if not dash:
        raise InvalidRequest(
            "target_wrong",
            "This is nothing to convert into",
            f"{target[:60]!r} names no format.",
            "Try gguf-q8_0.",
        )
    async with shell.client() as client:
        if not wait:
            id = await client.convert(model, format, quantization)
            shell.accepted(id, f"{id} is being made.")
            return
        entry = await _watched(shell, client, model, (format, quantization))
    _tell(shell, entry)


async def _watched(
    shell: Shell, client: "SparkClient", model: str, target: tuple[str, str]
) -> ConversionEntry:
    begun: list[str] = []
    try:
        with progress_bar(shell.terminal, f"Converting {model}") as bar:
            return await converted(client, model, target, begun.append, bar.show)
    except asyncio.CancelledError:
        for id in begun:
            await _cancel(shell, client, id)
        raise


async def _cancel(shell: Shell, client: "SparkClient", id: str) -> None:
    """Ctrl+C: what the engine has begun must not go on behind the person's back."""
    try:
        await client.cancel_conversion(id)
    except SparkError as error:
        shell.terminal.refuse(error)
    else:
        shell.terminal.note("The conversion was cancelled.")


def _tell(shell: Shell, entry: ConversionEntry) -> None:
    if shell.terminal.json:
        shell.terminal.tell(entry)
        return
    assert isinstance(entry.status, Converted)
    agreement = agreement_words(entry.status.agreement)
    shell.terminal.say(
        marked("ok", f"{entry.id} is made in {seconds(entry.status.seconds)}. {agreement}", "")
    )
