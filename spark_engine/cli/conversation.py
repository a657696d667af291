"""A conversation in the terminal: history in memory only, Ctrl+C stops an answer, /exit leaves.

Once it outgrows the model's context, its oldest turns are left out, and each answer says how much that is.
"""

import asyncio
import contextlib
import importlib
from typing import TYPE_CHECKING, Any

from spark_engine.cli.answer import AnswerPrinter
from spark_engine.cli.shell import Shell
from spark_engine.errors import SparkError
from spark_engine.types.chat import ChatMessage
from spark_engine.types.ids import AUTO

if TYPE_CHECKING:
    from spark_engine.client.http import SparkClient

PROMPT = "› "
HELP = "/new forgets what was said, /exit leaves, Ctrl+C stops an answer."


class Conversation:
    """What was said so far. `opening` stays when the rest is forgotten (the system message)."""

    def __init__(self, shell: Shell, opening: list[ChatMessage], model: str, options: dict[str, Any]) -> None:
        self._shell, self._opening, self._model = shell, opening, model
        self._options = {**options, "truncation": "auto"}
        self._messages = list(opening)

    def hold(self, loop: asyncio.Runner) -> None:
        """Read questions and answer them until /exit or the end of input; answers run on `loop`."""
        client = self._shell.client()
        try:
            state = loop.run(client.state())  # says at once when no engine runs
            meant = state.default_model if self._model == AUTO else self._model
            self._shell.terminal.note(f"You are talking to {meant or 'no model yet'}. {HELP}")
            while (line := self._read()) is not None:
                self._take(line, loop, client)
        finally:
            loop.run(client.aclose())

    def _read(self) -> str | None:
        """The next line that is not empty; None to leave."""
        try:
            while not (line := input(PROMPT).strip()):
                pass
        except EOFError:
            self._shell.terminal.say()
            return None
        except KeyboardInterrupt:
            self._shell.terminal.say()
            self._shell.terminal.note(HELP)
            return ""
        return None if line in ("/exit", "/quit") else line

    def _take(self, line: str, loop: asyncio.Runner, client: "SparkClient") -> None:
        match line:
            case "":
                return
            case "/new":
                self._messages = list(self._opening)
                self._shell.terminal.note("Forgotten.")
            case "/help":
                self._shell.terminal.note(HELP)
            case _:
                self._ask(line, loop, client)

    def _ask(self, question: str, loop: asyncio.Runner, client: "SparkClient") -> None:
        """Answer a question; what was written before Ctrl+C belongs to the conversation too."""
        asked = [*self._messages, ChatMessage("user", question)]
        printer = AnswerPrinter(self._shell.terminal)
        try:
            loop.run(_awaited(printer, client, asked, self._model, self._options))
        except KeyboardInterrupt:
            self._shell.terminal.note("Stopped.")
        except SparkError as error:
            self._shell.terminal.refuse(error)
        if printer.text:
            self._messages = [*asked, ChatMessage("assistant", printer.text)]


async def _awaited(
    printer: AnswerPrinter,
    client: "SparkClient",
    messages: list[ChatMessage],
    model: str,
    options: dict[str, Any],
) -> None:
    await printer.print(client.chat(messages, model, **options), model)


def edit_lines() -> None:
    """Arrow keys and recall at the prompt, where the platform has them; nothing is written to disk."""
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")
