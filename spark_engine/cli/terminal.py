"""What a command says: text for people or one line of JSON for programs on stdout, trouble on stderr."""

import io
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TextIO

import msgspec
from rich.console import Console, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from spark_engine.cli.words import printable
from spark_engine.errors import SparkError

PIPED_WIDTH = 200
STYLES = {"ok": "green", "warn": "yellow", "bad": "red"}
MARKS = {"ok": "●", "warn": "▲", "bad": "✖"}


class Terminal:
    """stdout and stderr of one command. `json`: stdout carries JSON only."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self.out, self.err = _console(sys.stdout), _console(sys.stderr)

    @property
    def is_live(self) -> bool:
        """Whether somebody watches stderr, so that progress may move there."""
        return self.err.is_terminal and not self.json

    def tell(self, value: Any) -> None:
        """Print a value as one line of JSON."""
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
        sys.stdout.flush()

    def say(self, *parts: RenderableType, style: str = "") -> None:
        """Print for people; nothing with `--json`."""
        if self.json:
            return
        wrap = all(isinstance(p, str) for p in parts)
        with nullcontext() if self.out.is_terminal else self.out.capture() as shown:
            self.out.print(*parts, style=style, soft_wrap=wrap)
        if shown is not None:  # nobody needs the blanks that fill a table's last column
            self.out.file.write("".join(f"{line.rstrip()}\n" for line in shown.get().splitlines()))
            self.out.file.flush()

    def note(self, text: str) -> None:
        """A remark beside the answer: dim, on stderr, only for people."""
        if not self.json:
            self.err.print(printable(text), style="dim", soft_wrap=True)

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """A sign of life on stderr for as long as the context lasts; silent where nobody watches."""
        return self.err.status(printable(text), spinner_style="dim") if self.is_live else nullcontext()

    def refuse(self, error: SparkError) -> None:
        """What went wrong: title, message and remedy on stderr; with `--json` also on stdout."""
        if self.json:
            self.tell({"error": error_fields(error)})
        self.err.print(marked("bad", error.title))
        for text in (error.message, error.remedy):
            if text:
                self.err.print(Padding(printable(text), (0, 0, 0, 2)))


def error_fields(error: SparkError) -> dict[str, str | None]:
    """An error as JSON shows it, in the words of the API."""
    return {
        "code": error.code,
        "title": error.title,
        "message": error.message,
        "remedy": error.remedy,
        "param": error.param,
    }


def marked(kind: str, text: str, style: str = "bold") -> Text:
    """A line that begins with a coloured sign of its kind: ok, warn or bad."""
    return Text.assemble((MARKS[kind] + " ", STYLES[kind]), (printable(text), style))


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table without lines; the columns in `right` hold numbers, the first what one copies (never broken)."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, name in enumerate(columns):
        justify: JustifyMethod = "right" if name in right else "left"
        made.add_column(name, justify=justify, overflow="fold", no_wrap=place == 0)
    return made


def facts(*rows: tuple[str, str]) -> Table:
    """Names with values, one pair a line; empty values are left out."""
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    for name, value in rows:
        if value:
            made.add_row(name, printable(value))
    return made


def _console(file: TextIO) -> Console:
    """No markup (names come from outside), and no character that the stream cannot write breaks the command."""
    if isinstance(file, io.TextIOWrapper):
        file.reconfigure(errors="replace")
    console = Console(file=file, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console
