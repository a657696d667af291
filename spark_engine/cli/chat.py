"""`spark chat`: one answer to a prompt or to piped text, or a conversation in the terminal."""

import asyncio
import os
import stat
import sys
from typing import Annotated, Any

import typer

from spark_engine.cli.answer import Answer, AnswerPrinter
from spark_engine.cli.conversation import Conversation, edit_lines
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, told
from spark_engine.errors import InvalidRequest
from spark_engine.types.chat import ChatMessage
from spark_engine.types.ids import AUTO


def chat(
    prompt: Annotated[
        str | None, typer.Argument(help="The question; without one a conversation begins.")
    ] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Model or variant.")] = AUTO,
    system: Annotated[str | None, typer.Option("--system", "-s", help="How the model should behave.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longest answer, in tokens.", min=1)] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0 is the likeliest answer.", min=0, max=2)
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="Start Spark in the background if need be.")] = False,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Ask a model. Piped text is added to the prompt; without either a conversation begins."""
    shell = Shell(json, base_dir)
    chosen = {"max_tokens": max_tokens, "temperature": temperature}
    options = {name: value for name, value in chosen.items() if value is not None}
    with told(shell), asyncio.Runner() as loop:
        text = _question(prompt)
        if text is None and json:
            raise InvalidRequest("prompt_missing", "Nothing to answer", "--json needs a prompt.", "Add one.")
        if start:
            loop.run(_start(shell))
        messages = [ChatMessage("system", system)] if system else []
        if text is None:
            edit_lines()
            Conversation(shell, messages, model, options).hold(loop)
        else:
            loop.run(_answer(shell, [*messages, ChatMessage("user", text)], model, options))


def _question(prompt: str | None) -> str | None:
    """Prompt and piped text; None when a person sits at the terminal and gave no prompt."""
    piped = sys.stdin.read().strip() if _is_piped() else ""
    text = "\n\n".join(part for part in (prompt, piped) if part and part.strip())
    if text:
        return text
    if prompt is None and sys.stdin is not None and sys.stdin.isatty():
        return None
    raise InvalidRequest(
        "prompt_missing",
        "Nothing to answer",
        "Neither a prompt nor piped text came.",
        'Try `spark chat "Hello"`.',
    )


def _is_piped() -> bool:
    """Whether stdin is a pipe or a file: a terminal or `/dev/null` holds no question."""
    if sys.stdin is None:
        return False
    kind = os.fstat(sys.stdin.fileno()).st_mode
    return stat.S_ISFIFO(kind) or stat.S_ISREG(kind) or stat.S_ISSOCK(kind)


async def _answer(shell: Shell, messages: list[ChatMessage], model: str, options: dict[str, Any]) -> None:
    printer = AnswerPrinter(shell.terminal)
    async with shell.client() as client:
        answer = await printer.print(client.chat(messages, model, **options), model)
    if shell.terminal.json:
        shell.terminal.tell(_as_json(answer))


def _as_json(answer: Answer) -> dict[str, Any]:
    end = answer.end
    return {
        "answer": answer.text,
        "finish_reason": end.reason,
        "model": end.served.model,
        "device": end.served.device,
        "usage": end.usage,
        "timings": end.timings,
    }


async def _start(shell: Shell) -> None:
    from spark_engine.client.process import start_engine

    with shell.terminal.waiting("Starting Spark"):
        engine = await start_engine(shell.base, caller="spark-cli")
    if engine.is_ours:
        shell.terminal.note(
            f"Spark runs in the background (process {engine.endpoint.pid}); `spark stop` ends it."
        )
