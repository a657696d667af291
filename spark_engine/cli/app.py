"""The command `spark`: every command with its name, and the root options."""

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from spark_engine import __version__
from spark_engine.cli import (
    acceleration,
    apps,
    backends,
    bench,
    chat,
    configuration,
    crashes,
    doctor,
    logs,
    models,
    pause,
    serve,
    start_at_login,
    status,
    stop,
)
from spark_engine.cli.shell import BaseDirOption

app = typer.Typer(
    name="spark",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(serve.serve)
app.command()(stop.stop)
app.command()(pause.pause)
app.command()(pause.resume)
app.command()(status.status)
app.command()(chat.chat)
app.add_typer(models.app, name="models")
app.add_typer(backends.app, name="backends")
app.add_typer(acceleration.app, name="acceleration")
app.add_typer(apps.app, name="apps")
app.command()(doctor.doctor)
app.command()(logs.logs)
app.command()(crashes.crashes)
app.command("start-at-login")(start_at_login.start_at_login)
app.command()(bench.bench)
app.add_typer(configuration.app, name="config")


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; returns the exit status."""
    try:
        app(args=list(arguments), prog_name="spark")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spark {__version__}")
        raise typer.Exit


@app.callback()
def root(
    base_dir: BaseDirOption = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Spark serves this workstation's own language models to every app on it.

    Without a command the app with its window and tray icon starts.
    """
    if base_dir is not None:
        os.environ["SPARK_HOME"] = base_dir
