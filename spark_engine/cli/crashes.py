"""`spark crashes`: what is kept of crashes, the latest first; one of them in full; or forgetting them."""

import time
from pathlib import Path
from typing import Annotated

import typer

from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, told
from spark_engine.cli.terminal import facts, marked, table
from spark_engine.cli.words import counted, printable, seconds
from spark_engine.errors import NotFound
from spark_engine.life.crashes import LOG, TRACE, forget_crashes, kept_crashes, tail_lines
from spark_engine.types.crashes import KeptCrash, crash_words


def crashes(
    id: Annotated[str, typer.Argument(metavar="[CRASH]", help="Show this one in full.")] = "",
    forget: Annotated[bool, typer.Option("--forget", help="Delete every report.")] = False,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Crashes of engine, runners and window, kept on this machine only; no prompt or answer is in them."""
    shell = Shell(json, base_dir)
    with told(shell):
        if forget:
            _forget(shell)
        elif id:
            _show(shell, _found(shell, id))
        else:
            _list(shell)


def _list(shell: Shell) -> None:
    kept = kept_crashes(shell.base)
    if shell.terminal.json:
        shell.terminal.tell(kept)
        return
    if not kept:
        shell.terminal.say("Nothing has crashed.")
        return
    rows = table("Crash", "When", "What")
    for one in kept:
        rows.add_row(one.id, _ago(one.report.last_at), printable(crash_words(one.report)))
    shell.terminal.say(rows)
    shell.terminal.note(f"\nThe reports are in {shell.base.crashes}. `spark crashes CRASH` shows one.")


def _show(shell: Shell, crash: KeptCrash) -> None:
    if shell.terminal.json:
        shell.terminal.tell(crash)
        return
    report, folder = crash.report, Path(crash.folder)
    shell.terminal.say(marked("bad", crash_words(report)))
    shell.terminal.say(
        facts(
            ("When", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(report.last_at))),
            ("Ran for", seconds(report.ran_s) if report.ran_s is not None else ""),
            ("Fault", report.kind),
            ("At", "\n".join(report.places)),
            ("Loaded as", ", ".join(f"{key} {value}" for key, value in report.plan.items())),
            ("Versions", ", ".join(f"{key} {value}" for key, value in report.versions.items())),
            ("Settings", ", ".join(f"{key} = {value}" for key, value in report.settings.items())),
            ("Folder", crash.folder),
        )
    )
    for title, name in (("Last words", TRACE), ("Log", LOG)):
        if lines := tail_lines(folder / name)[-40:]:
            shell.terminal.say()
            shell.terminal.say(title, style="dim")
            for line in lines:
                shell.terminal.say(printable(line))


def _forget(shell: Shell) -> None:
    count = forget_crashes(shell.base)
    if shell.terminal.json:
        shell.terminal.tell({"forgotten": count})
    else:
        shell.terminal.say(f"{counted(count, 'report')} deleted." if count else "There was none.")


def _found(shell: Shell, id: str) -> KeptCrash:
    for one in kept_crashes(shell.base):
        if one.id == id:
            return one
    raise NotFound("crash_not_found", "No such crash", f"{id[:100]!r} is not kept.", "See `spark crashes`.")


def _ago(at: float) -> str:
    return f"{seconds(max(0.0, time.time() - at))} ago"
