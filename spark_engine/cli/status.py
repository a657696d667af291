"""`spark status`: what the engine is doing right now, on one screen."""

import asyncio
import contextlib
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from rich.console import RenderableType

from spark_engine.cli.following import states
from spark_engine.cli.models_table import state_text
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import Terminal, facts, marked, table
from spark_engine.cli.words import printable, seconds
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.models import Ready, VariantStatus, is_moving
from spark_engine.types.quantities import size, speed
from spark_engine.types.state import EngineState

if TYPE_CHECKING:
    from spark_engine.client.http import SparkClient

FRESH_WITHIN_S = 0.3
SIGNS = {"error": "bad", "warning": "warn", "info": "ok"}


def status(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """What the engine is doing right now."""
    run(Shell(json, base_dir), _status)


async def _status(shell: Shell) -> None:
    async with shell.client() as client:
        state, health = await _current(client), await client.health()
    if shell.terminal.json:
        shell.terminal.tell({"health": health, "state": state})
    else:
        _show(shell.terminal, state, health)


async def _current(client: "SparkClient") -> EngineState:
    """The state with fresh figures: the engine samples them when somebody begins to watch."""
    began, state = time.time(), await client.state()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FRESH_WITHIN_S), aclosing(states(client)) as changes:
            async for state in changes:
                if state.metrics.at >= began:
                    break
    return state


def _show(terminal: Terminal, state: EngineState, health: HealthReport) -> None:
    terminal.say(_headline(state, health))
    terminal.say()
    terminal.say(_figures(state))
    models = _models(state)
    if models:
        terminal.say()
        terminal.say(*models)
    for problem in health.problems:
        terminal.say()
        tell_problem(terminal, problem)


def _headline(state: EngineState, health: HealthReport) -> RenderableType:
    if health.ready:
        return marked("ok", "Spark is ready")
    if state.phase != "ready":
        return marked("warn", f"Spark is {state.phase}")
    return marked("warn", "Spark runs, but cannot answer yet")


def _figures(state: EngineState) -> RenderableType:
    engine, now = state.engine, state.metrics
    rate = f", {speed(now.tokens_per_second)}" if now.tokens_per_second else ""
    free, total = size(now.available_memory_bytes), size(now.total_memory_bytes)
    return facts(
        ("Address", engine.address),
        ("Engine", f"{engine.version}, process {engine.pid}, up {seconds(time.time() - engine.started_at)}"),
        ("Data", engine.base_dir),
        ("Requests", f"{now.running} running, {now.waiting} waiting{rate}"),
        (
            "Memory",
            f"engine {size(now.engine_bytes)}, models {size(now.runner_bytes)}; {free} of {total} free",
        ),
    )


def _models(state: EngineState) -> list[RenderableType]:
    """The models in memory or on the way there."""
    rows = table("Model", "State", "Context", "Memory", "Loaded in", right=("Context", "Memory", "Loaded in"))
    for model in state.models.values():
        for variant in model.variants:
            if isinstance(variant.status, Ready) or is_moving(variant.status):
                rows.add_row(printable(variant.id), state_text(variant.status), *_held(variant.status))
    return [rows] if rows.row_count else []


def _held(status: VariantStatus) -> tuple[str, ...]:
    """What a ready model holds."""
    match status:
        case Ready(_, context, _, memory, load_ms):
            return f"{context:,} tokens", size(memory), seconds(load_ms / 1000)
        case _:
            return ()


def tell_problem(terminal: Terminal, problem: Problem) -> None:
    """A problem with what it means and what to do."""
    terminal.say(marked(SIGNS[problem.severity], problem.title))
    for text in (problem.message, problem.remedy):
        if text:
            terminal.say(f"  {printable(text)}")
