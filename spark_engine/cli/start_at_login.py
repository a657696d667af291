"""`spark start-at-login`: whether the window starts, hidden in the tray, when its user logs in; on or off."""

from typing import Annotated

import typer

from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, told
from spark_engine.errors import InvalidRequest
from spark_engine.life import start_at_login as login

_WORDS = {"on": True, "off": False}


def start_at_login(
    wanted: Annotated[str, typer.Argument(metavar="[on|off]", help="Without it: say how it is.")] = "",
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Start Spark's window in the tray when you log in, or do not; without a word, say how it is."""
    shell = Shell(json, base_dir)
    with told(shell):
        if wanted:
            login.turn(_wanted(wanted), shell.base if base_dir else None)
        on = login.is_on()
        if shell.terminal.json:
            shell.terminal.tell({"supported": login.is_supported(), "on": on})
        else:
            shell.terminal.say("Spark starts at login." if on else "Spark does not start at login.")


def _wanted(word: str) -> bool:
    if word not in _WORDS:
        raise InvalidRequest(
            "not_on_or_off", "This is neither on nor off", f"{word[:40]!r} is not.", "Say on or off."
        )
    return _WORDS[word]
