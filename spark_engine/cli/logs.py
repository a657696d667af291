"""`spark logs`: what engine, runners and app wrote, read from the files, so that it works without an engine too."""

import time
from collections.abc import Iterable
from contextlib import aclosing
from typing import Annotated

import typer

from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import STYLES
from spark_engine.cli.words import printable
from spark_engine.errors import InvalidRequest
from spark_engine.types.logs import LEVELS, PARTS, LogFilter, LogLevel, LogLine, LogPart, as_text

MOST = 5000
_STYLES: dict[LogLevel, str] = {
    "debug": "dim",
    "info": "",
    "warning": STYLES["warn"],
    "error": STYLES["bad"],
}


def logs(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl+C.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=MOST, help="How many of the latest lines.")
    ] = 100,
    level: Annotated[
        str, typer.Option(metavar="|".join(LEVELS), help="Only lines of at least this level.")
    ] = "debug",
    part: Annotated[
        str, typer.Option(metavar="|".join(PARTS), help="Only lines of this part; all parts else.")
    ] = "",
    find: Annotated[str, typer.Option(metavar="TEXT", help="Only lines in which this is found.")] = "",
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """The latest lines of the logs of engine, runners and app. Prompts, answers and keys are never in them."""

    async def work(shell: Shell) -> None:
        await _logs(shell, _filter(level, part, find), lines, follow=follow)

    run(Shell(json, base_dir), work)


async def _logs(shell: Shell, wanted: LogFilter, count: int, *, follow: bool) -> None:
    from spark_engine.life.log_book import LogBook

    book = LogBook(shell.base)
    page = await book.page()
    found = [line for line in page.lines if wanted.lets_through(line)]
    if not found and not follow:
        shell.terminal.note("No such line was logged." if page.lines else "Nothing was logged yet.")
    _show(shell, found[len(found) - min(count, len(found)) :])
    if follow:
        async with aclosing(book.follow(page.last)) as pages:
            async for more in pages:
                _show(shell, filter(wanted.lets_through, more.lines))


def _show(shell: Shell, lines: Iterable[LogLine]) -> None:
    for line in lines:
        if shell.terminal.json:
            shell.terminal.tell(line)
        else:
            text = printable(as_text(line, _moment(line.at)))
            shell.terminal.say(text, style=_STYLES[line.level])


def _moment(at: float) -> str:
    """`2031-01-31 14:02:07.123` in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) + f".{int(at * 1000) % 1000:03d}"


def _filter(level: str, part: str, find: str) -> LogFilter:
    return LogFilter(_level(level), _part(part), find)


def _level(wanted: str) -> LogLevel:
    for level in LEVELS:
        if level == wanted:
            return level
    raise _unknown("level_wrong", "This is not a level", wanted, LEVELS)


def _part(wanted: str) -> LogPart | None:
    for part in PARTS:
        if part == wanted:
            return part
    if not wanted:
        return None
    raise _unknown("part_wrong", "This is not a part of Spark", wanted, PARTS)


def _unknown(code: str, title: str, wanted: str, known: tuple[str, ...]) -> InvalidRequest:
    return InvalidRequest(code, title, f"{wanted[:40]!r} is none.", f"Choose one of {', '.join(known)}.")
