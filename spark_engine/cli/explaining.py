"""`spark models explain`: what `auto` would mean for a request, and why not another model."""

from typing import Annotated

import typer

from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import marked, table
from spark_engine.cli.words import printable
from spark_engine.types.selection import Needs

_BYTES_PER_TOKEN = 3


def explain(
    prompt: Annotated[str, typer.Argument(help="The question; only its length counts.")] = "",
    max_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.", min=0)] = 0,
    tools: Annotated[bool, typer.Option("--tools", help="The model has to call tools.")] = False,
    as_json: Annotated[bool, typer.Option("--as-json", help="The answer has to be JSON.")] = False,
    embedding: Annotated[bool, typer.Option("--embedding", help="Vectors are wanted, no text.")] = False,
    language: Annotated[str, typer.Option(help="Language of the answer: en, de, fr, …")] = "",
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Which model answers when an app asks for `auto`, and why."""
    abilities = tuple(name for name, wanted in (("tools", tools), ("json", as_json)) if wanted)
    context = len(prompt.encode()) // _BYTES_PER_TOKEN + max_tokens
    needs = Needs(("embedder" if embedding else "generator",), context, abilities, language)
    run(Shell(json, base_dir), lambda shell: _explain(shell, needs))


async def _explain(shell: Shell, needs: Needs) -> None:
    async with shell.client() as client:
        choice = await client.explain(needs)
    if shell.terminal.json:
        shell.terminal.tell(choice)
        return
    shell.terminal.say(marked("ok", f"{printable(choice.id)}: {printable(choice.why)}", ""))
    if choice.considered:
        rows = table("Also here", "", "Why not")
        for other in choice.considered:
            rows.add_row(printable(other.id), "could" if other.possible else "cannot", printable(other.why))
        shell.terminal.say()
        shell.terminal.say(rows)
