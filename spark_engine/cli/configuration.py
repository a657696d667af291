"""`spark config`: the settings, where each value comes from, changing them, and a sample file."""

import os
from typing import Annotated

import typer

from spark_engine.cli import changing
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, told
from spark_engine.cli.terminal import table
from spark_engine.cli.words import printable
from spark_engine.config.load import Config, load_config
from spark_engine.config.schema import SETTINGS, Setting

app = typer.Typer(help="Show the settings, where they come from, and change them.", no_args_is_help=True)
app.command("set")(changing.set_value)
app.command()(changing.unset)


@app.command()
def show(
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Every setting with its value."""
    shell = Shell(json, base_dir)
    with told(shell):
        config = load_config(shell.base.settings_file, os.environ)
        _show(shell, config, origin)


@app.command()
def sample(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """A settings file with every setting at its default, commented out."""
    from spark_engine.config.sample import sample_toml

    shell = Shell(json, base_dir)
    with told(shell):
        if json:
            shell.terminal.tell({"file": str(shell.base.settings_file), "toml": sample_toml()})
        else:
            typer.echo(sample_toml(), nl=False)
            shell.terminal.note(f"Save it as {shell.base.settings_file} and take the # from what you change.")


def _show(shell: Shell, config: Config, origin: bool) -> None:
    if shell.terminal.json:
        shell.terminal.tell({s.key: _as_json(s, config) for s in SETTINGS})
        return
    rows = table("Setting", "Value", *(["From"] if origin else []), "What it is")
    for known in SETTINGS:
        source = [_source(shell, known, config)] if origin else []
        rows.add_row(known.key, _value(known, config), *source, known.sentence)
    shell.terminal.say(rows)


def _as_json(known: Setting, config: Config) -> dict[str, object]:
    resolved = config.values[known.key]
    return {
        "value": resolved.value,
        "origin": resolved.origin,
        "default": known.default,
        "unit": known.unit,
        "environment": known.env,
        "sentence": known.sentence,
    }


def _value(known: Setting, config: Config) -> str:
    value = config.values[known.key].value
    text = str(value).lower() if isinstance(value, bool) else str(value) or '""'
    return printable(f"{text} {known.unit}".strip())


def _source(shell: Shell, known: Setting, config: Config) -> str:
    where = {"file": str(shell.base.settings_file), "environment": known.env}
    source = config.values[known.key].origin
    return printable(where.get(source, source))
