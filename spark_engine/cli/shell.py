"""What every command shares: its options, its base directory, and the one place where errors end."""

import asyncio
import contextlib
import os
import traceback
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spark_engine.cli.terminal import Terminal
from spark_engine.errors import SparkError
from spark_engine.paths import BaseDir, base_dir

if TYPE_CHECKING:
    from spark_engine.client.http import SparkClient

INTERRUPTED = 130

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
BaseDirOption = Annotated[
    str | None,
    typer.Option("--base-dir", metavar="DIR", help="Where Spark keeps everything (default: SPARK_HOME)."),
]


class Shell:
    """One run of a command: how it speaks and which base directory it is about."""

    def __init__(self, json: bool, base: str | None) -> None:
        self.terminal = Terminal(json=json)
        self.base: BaseDir = base_dir(base)

    def client(self) -> "SparkClient":
        """A client of the engine in the base directory."""
        from spark_engine.client.http import SparkClient

        return SparkClient(self.base, caller="spark-cli")

    def accepted(self, id: str, sentence: str) -> None:
        """Tell of a command that the engine took: `sentence` for people."""
        if self.terminal.json:
            self.terminal.tell({"id": id, "accepted": True})
        else:
            self.terminal.say(sentence)


def run(shell: Shell, work: Callable[[Shell], Coroutine[Any, Any, None]]) -> None:
    """Run a command's coroutine to its end, with every error told in words."""
    with told(shell):
        asyncio.run(work(shell))


@contextlib.contextmanager
def told(shell: Shell) -> Iterator[None]:
    """Errors become words on stderr and an exit status; never a traceback."""
    try:
        yield
    except (typer.Exit, typer.BadParameter):
        raise
    except SparkError as error:
        shell.terminal.refuse(error)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        if shell.terminal.err.is_terminal:
            shell.terminal.err.print()  # the prompt does not belong beside the ^C
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        _silence_stdout()
        raise typer.Exit(1) from None
    except Exception as error:
        shell.terminal.refuse(_unexpected(shell.base, error))
        raise typer.Exit(1) from None


def _silence_stdout() -> None:
    """The reader is gone; what is still buffered must not raise again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _unexpected(base: BaseDir, error: Exception) -> SparkError:
    """A mistake in Spark itself. The places are kept in a file, without values: they may be someone's text."""
    kind = type(error).__name__
    file = base.logs / "cli.log"
    with contextlib.suppress(OSError):
        base.create()
        file.write_text(f"{kind}\n{''.join(traceback.format_tb(error.__traceback__))}", encoding="utf-8")
    return SparkError(
        "internal_error", "Spark made a mistake", f"An unexpected {kind} ended this command.", f"See {file}."
    )
