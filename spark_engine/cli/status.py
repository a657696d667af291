"""`spark status`: what the engine is doing right now, on one screen."""

import time

from rich.console import RenderableType

from spark_engine.cli.models import describe, state_text
from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run
from spark_engine.cli.terminal import Terminal, facts, marked, table
from spark_engine.cli.words import printable, seconds, size, speed
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.models import Ready, is_moving
from spark_engine.types.state import EngineState

SIGNS = {"error": "bad", "warning": "warn", "info": "ok"}


def status(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """What the engine is doing right now."""
    run(Shell(json, base_dir), _status)


async def _status(shell: Shell) -> None:
    async with shell.client() as client:
        state, health = await client.state(), await client.health()
    if shell.terminal.json:
        shell.terminal.tell({"health": health, "state": state})
    else:
        _show(shell.terminal, state, health)


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
    rows = table("Model", "State", "")
    for model in state.models.values():
        for variant in model.variants:
            if isinstance(variant.status, Ready) or is_moving(variant.status):
                rows.add_row(printable(variant.id), state_text(variant.status), printable(describe(variant)))
    return [rows] if rows.row_count else []


def tell_problem(terminal: Terminal, problem: Problem) -> None:
    """A problem with what it means and what to do."""
    terminal.say(marked(SIGNS[problem.severity], problem.title))
    for text in (problem.message, problem.remedy):
        if text:
            terminal.say(f"  {printable(text)}")
