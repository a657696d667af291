"""`spark acceleration`: what runs models here, checking that it computes rightly, and changing it."""

from typing import Annotated

import typer
from rich.text import Text

from spark_engine.cli.accelerating import checked, switched
from spark_engine.cli.progress import progress_bar
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import facts, marked, table
from spark_engine.cli.words import printable
from spark_engine.errors import Unavailable
from spark_engine.types.acceleration import (
    AccelerationBackend,
    AccelerationChoice,
    computes_rightly,
    find_choice,
    stage,
    verdict_word,
)

app = typer.Typer(help="See, check and choose what runs models: CPU, GPU, NPU.", no_args_is_help=True)
BackendArgument = Annotated[str, typer.Argument(metavar="BACKEND", help="onnx, gguf or torch.")]
ChoiceArgument = Annotated[
    str, typer.Argument(metavar="CHOICE", help="A choice that `spark acceleration list` shows, or auto.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Also what this machine does not have.")]
StrictOption = Annotated[
    bool | None, typer.Option("--strict/--no-strict", help="Never use the CPU instead of what is chosen.")
]


@app.command("list")
def list_acceleration(
    everything: AllOption = False, json: JsonOption = False, base_dir: BaseDirOption = None
) -> None:
    """Every backend's choices: found, installed, verified, in use; and for the others, why not."""
    run(Shell(json, base_dir), lambda shell: _list(shell, everything))


@app.command()
def use(
    backend: BackendArgument,
    choice: ChoiceArgument,
    strict: StrictOption = None,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Use a choice for a backend's models; what is being answered finishes where it is."""
    run(Shell(json, base_dir), lambda shell: _use(shell, backend, choice, strict))


@app.command()
def verify(
    backend: Annotated[str, typer.Argument(metavar="[BACKEND]", help="Only this backend.")] = "",
    choice: Annotated[str, typer.Argument(metavar="[CHOICE]", help="Only this choice of it.")] = "",
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Run spark-nano each way and compare its numbers with the CPU's; ends with 0 if all compute rightly."""
    run(Shell(json, base_dir), lambda shell: _verify(shell, backend, choice))


async def _list(shell: Shell, everything: bool) -> None:
    async with shell.client() as client:
        backends = await client.acceleration()
    if shell.terminal.json:
        shell.terminal.tell(backends)
        return
    for backend in backends.values():
        _show(shell, backend, everything)


def _show(shell: Shell, backend: AccelerationBackend, everything: bool) -> None:
    wish = f"{backend.wish}, strict" if backend.strict else backend.wish
    shell.terminal.say(
        Text.assemble((printable(backend.name), "bold"), f"  chosen: {wish}. {printable(backend.why)}")
    )
    rows = table("Choice", "", "State", "Tokens/s", "Device", right=("Tokens/s",))
    shown = [one for one in backend.choices if everything or one.found]
    for one in shown:
        speed = f"{one.check.tokens_per_second:.0f}" if one.check and one.check.tokens_per_second else ""
        rows.add_row(one.id, printable(one.name), state_text(one), speed, printable(one.device))
    shell.terminal.say(rows)
    for one in shown:
        if (why := reason(one)) and not one.in_use:
            command = f" `{one.command}`" if one.command else ""
            shell.terminal.note(f"{one.id}: {why}{command}")
    hidden = len(backend.choices) - len(shown)
    if hidden:
        shell.terminal.note(f"{hidden} more need other hardware; --all shows them.")


async def _use(shell: Shell, backend: str, choice: str, strict: bool | None) -> None:
    async with shell.client() as client:
        with progress_bar(shell.terminal, f"Changing {backend} to {choice}") as bar:
            entry = await switched(client, backend, choice, strict, lambda step: bar.show(None, step))
    if shell.terminal.json:
        shell.terminal.tell(entry)
        return
    chosen = find_choice(entry, entry.chosen)
    name = chosen.name if chosen else entry.chosen
    shell.terminal.say(marked("ok", f"{entry.name} models run on: {name}. {entry.why}", ""))


async def _verify(shell: Shell, backend: str, choice: str) -> None:
    async with shell.client() as client:
        with progress_bar(shell.terminal, "Checking") as bar:
            found = await checked(
                client, backend, choice, lambda done, of, what: bar.show(done / of if of else None, what)
            )
    if shell.terminal.json:
        shell.terminal.tell([{"backend": id, "choice": one} for id, one in found])
    for id, one in found:
        if one.check is not None:
            shell.terminal.say(state_text(one, f"{id} {one.name}: "))
            shell.terminal.say(
                facts(("", f"{one.check.title}. {one.check.message} {one.check.remedy}".strip()))
            )
    if bad := [f"{id} {one.name}" for id, one in found if not computes_rightly(one)]:
        raise Unavailable(
            "check_failed",
            "Not everything computes rightly",
            f"These are not used: {', '.join(bad)}.",
            "`spark acceleration list --json` has the evidence.",
        )


def state_text(choice: AccelerationChoice, before: str = "") -> Text:
    """The step that a choice has reached, as sign, colour and words."""
    if choice.checking:
        return marked("warn", f"{before}{choice.checking}", "")
    check = choice.check if not choice.outdated else None
    if check is not None and check.verdict not in ("right", "slow"):
        return marked("bad", f"{before}{verdict_word(check.verdict)}", "")
    if choice.in_use:
        return marked("ok", f"{before}in use", "")
    match stage(choice):
        case "verified":
            slow = check is not None and check.verdict == "slow"
            return marked(
                "warn" if slow else "ok", before + (verdict_word("slow") if slow else "verified"), ""
            )
        case "installed":
            return Text(f"○ {before}{'to be checked again' if choice.outdated else 'installed, not checked'}")
        case "found":
            return Text(f"○ {before}found, not installed", "dim")
        case _:
            return Text(f"○ {before}not here", "dim")


def reason(choice: AccelerationChoice) -> str:
    """What keeps a choice from the next step; empty when nothing does."""
    check = choice.check
    if check is not None and not choice.outdated and check.verdict != "right":
        return f"{check.title}. {check.message}"
    return choice.why or choice.outdated
