"""`spark models offers` and `token`: what the hub has before it is fetched, and the owner's token for it."""

import getpass
import sys
from typing import Annotated

import typer

from spark_engine.cli.keeping import fit_words
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import marked, table
from spark_engine.cli.words import counted, printable
from spark_engine.types.hub import OfferedVariant, RepositoryOffer, TokenReport, recommended
from spark_engine.types.quantities import size

tokens = typer.Typer(help="The token for models that ask who downloads them.", no_args_is_help=True)
RefArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A repository (org/name[:variant]), or a model of a card.")
]


def offers(model: RefArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """What can be downloaded under a name, with sizes; the recommended one first. Nothing is fetched."""
    run(Shell(json, base_dir), lambda shell: _offers(shell, model))


@tokens.command("set")
def set_token(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Keep a token of the hub: typed unseen, or read from standard input; never an argument, which others could see."""
    shell = Shell(json, base_dir)
    token = typed()
    run(shell, lambda shell: _set(shell, token))


@tokens.command("forget")
def forget_token(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Keep no token any more."""
    run(Shell(json, base_dir), _forget)


@tokens.command("show")
def show_token(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Whether a token is kept, and where; never the token itself."""
    run(Shell(json, base_dir), _show)


def typed() -> str:
    """The token as its owner types it, or the first line of what is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    try:
        return getpass.getpass("Token (it is not shown): ").strip()
    except (EOFError, KeyboardInterrupt):
        raise typer.Exit(130) from None


async def _offers(shell: Shell, model: str) -> None:
    async with shell.client() as client:
        with shell.terminal.waiting(f"Asking what there is of {model}"):
            offer = await client.offers(model)
    if shell.terminal.json:
        shell.terminal.tell(offer)
        return
    rows = table("To download", "Size", "Format", "Fit", "", right=("Size",))
    for variant in ordered(offer):
        kind = " ".join(word for word in (variant.format, variant.quantization, variant.device) if word)
        fit = fit_words(variant.fit) if variant.fit else ""
        rows.add_row(
            printable(variant.name), size(variant.size_bytes), printable(kind), fit, _note(variant, offer)
        )
    shell.terminal.say(rows)
    many = counted(len(offer.variants), "variant")
    shell.terminal.say(f"{many}; `spark models pull NAME` downloads one of them.")
    if offer.gated:
        shell.terminal.say(
            marked("warn", f"It asks for an account that accepted its terms: {printable(offer.page)}", "")
        )


def ordered(offer: RepositoryOffer) -> list[OfferedVariant]:
    """The recommended one first."""
    return sorted(offer.variants, key=lambda variant: variant is not recommended(offer))


def _note(variant: OfferedVariant, offer: RepositoryOffer) -> str:
    here = "is here" if variant.installed else ""
    needs = f"needs `spark backends install {variant.component}`" if variant.component else ""
    chosen = "recommended" if variant is recommended(offer) else ""
    return ", ".join(word for word in (chosen, here, needs) if word)


async def _set(shell: Shell, token: str) -> None:
    async with shell.client() as client:
        report = await client.set_hub_token(token)
    _tell(shell, report)


async def _forget(shell: Shell) -> None:
    async with shell.client() as client:
        report = await client.forget_hub_token()
    _tell(shell, report)


async def _show(shell: Shell) -> None:
    async with shell.client() as client:
        report = await client.hub_token()
    _tell(shell, report)


def _tell(shell: Shell, report: TokenReport) -> None:
    if shell.terminal.json:
        shell.terminal.tell(report)
        return
    match report.kept:
        case "keyring":
            shell.terminal.say(marked("ok", f"The system's keyring keeps a token for {report.hub}.", ""))
        case "file":
            shell.terminal.say(
                marked("ok", f"A token for {report.hub} is kept in a file that only you can read.", "")
            )
            shell.terminal.say("This system has no keyring that Spark can use.")
        case None:
            shell.terminal.say(f"No token for {report.hub} is kept.")
