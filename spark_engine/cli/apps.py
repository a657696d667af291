"""`spark apps`: which programs of this machine use Spark, and pausing, blocking and ranking them."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import table
from spark_engine.cli.words import counted, printable, seconds
from spark_engine.errors import InvalidRequest, NotFound
from spark_engine.types.apps import AppEntry, AppRank

if TYPE_CHECKING:
    from spark_engine.client.http import SparkClient

app = typer.Typer(help="Programs that use Spark: see, pause, block and rank them.", no_args_is_help=True)
AppArgument = Annotated[
    str, typer.Argument(metavar="APP", help="Its id, or its name where only one has that.")
]
RANKS: dict[str, AppRank] = {"first": "first", "normal": "normal", "last": "last"}
RANK_WORDS: dict[AppRank, str] = {"first": "goes first", "normal": "", "last": "goes last"}


@app.command("list")
def list_apps(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """The programs that have asked something, the latest first."""
    run(Shell(json, base_dir), _list)


@app.command()
def pause(app: AppArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Let an app's requests wait; those that a model has already go on."""
    run(Shell(json, base_dir), lambda shell: _decide(shell, app, "pause_app", "is paused"))


@app.command()
def resume(app: AppArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Let the requests of a paused app go on."""
    run(Shell(json, base_dir), lambda shell: _decide(shell, app, "resume_app", "goes on"))


@app.command()
def block(app: AppArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Refuse an app's requests from now on."""
    run(Shell(json, base_dir), lambda shell: _decide(shell, app, "block_app", "is blocked"))


@app.command()
def unblock(app: AppArgument, json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Let a blocked app ask again."""
    run(Shell(json, base_dir), lambda shell: _decide(shell, app, "unblock_app", "may ask again"))


@app.command()
def rank(
    app: AppArgument,
    place: Annotated[str, typer.Argument(metavar="first|normal|last")],
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Say whose requests go first when several wait."""
    run(Shell(json, base_dir), lambda shell: _rank(shell, app, place))


async def _list(shell: Shell) -> None:
    async with shell.client() as client:
        apps = await client.apps()
    if shell.terminal.json:
        shell.terminal.tell(apps)
        return
    if not apps:
        shell.terminal.say("No program has used Spark yet.")
        return
    rows = table("App", "Requests", "Errors", "Tokens", "Share", "Typical", "Last seen", "", right=_NUMBERS)
    for entry in sorted(apps.values(), key=lambda a: a.last_seen, reverse=True):
        rows.add_row(printable(entry.id), *_figures(entry), _last_seen(entry), standing(entry))
    shell.terminal.say(rows)


_NUMBERS = ("Requests", "Errors", "Tokens", "Share", "Typical")


def _figures(entry: AppEntry) -> tuple[str, ...]:
    usage = entry.usage
    return (
        f"{usage.requests:,}",
        f"{usage.errors:,}" if usage.errors else "",
        f"{entry.prompt_tokens + entry.completion_tokens:,}",
        f"{entry.share:.0%}" if entry.share else "",
        seconds(usage.p50_ms / 1000) if usage.p50_ms else "",
    )


def _last_seen(entry: AppEntry) -> str:
    if entry.active:
        return f"now, {counted(entry.active, 'request')}"
    return f"{seconds(max(0.0, time.time() - entry.last_seen))} ago" if entry.last_seen else ""


def standing(entry: AppEntry) -> str:
    """What its owner decided: `blocked`, `paused, 2 wait`, `goes first`."""
    said = ["blocked"] if entry.blocked else []
    if entry.paused:
        said.append(f"paused, {entry.waiting} waiting" if entry.waiting else "paused")
    return ", ".join([*said, RANK_WORDS[entry.rank]] if RANK_WORDS[entry.rank] else said)


async def _decide(shell: Shell, wanted: str, call: str, sentence: str) -> None:
    async with shell.client() as client:
        entry = await _found(client, wanted)
        await getattr(client, call)(entry.id)
    shell.accepted(entry.id, f"{printable(entry.name)} {sentence}.")


async def _rank(shell: Shell, wanted: str, place: str) -> None:
    if place not in RANKS:
        known = "It can be first, normal or last."
        raise InvalidRequest("rank_wrong", "This is not a rank", f"{place[:40]!r} is none.", known)
    async with shell.client() as client:
        entry = await _found(client, wanted)
        await client.rank_app(entry.id, RANKS[place])
    words = RANK_WORDS[RANKS[place]] or "goes in the order of its coming"
    shell.accepted(entry.id, f"{printable(entry.name)} {words}.")


async def _found(client: "SparkClient", wanted: str) -> AppEntry:
    """The app with this id, or the only one with this name; NotFound."""
    apps = await client.apps()
    if wanted in apps:
        return apps[wanted]
    named = [entry for entry in apps.values() if entry.name.lower() == wanted.lower()]
    if len(named) == 1:
        return named[0]
    several = (
        f"{len(named)} have this name: {', '.join(a.id for a in named)}." if named else "None is called so."
    )
    raise NotFound("app_not_found", "No such app", several, "See `spark apps list`.")
