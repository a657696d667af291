"""`spark serve`: the engine in the foreground, until Ctrl+C."""

import contextlib
import os
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, told
from spark_engine.cli.terminal import marked
from spark_engine.errors import SparkError
from spark_engine.tasks import create_task
from spark_engine.types.models import LoadFailed, Ready, Unloaded
from spark_engine.types.state import EngineState, find_variant

if TYPE_CHECKING:
    from spark_engine.client.endpoint import Endpoint


def serve(
    port: Annotated[
        int | None, typer.Option(help="Port of the API on 127.0.0.1.", show_default="8910")
    ] = None,
    json: JsonOption = False,
    base_dir: BaseDirOption = None,
) -> None:
    """Run the engine in the foreground; Ctrl+C ends it."""
    from spark_engine.api.serve import run_server
    from spark_engine.config.load import load_config

    shell = Shell(json, base_dir)
    with told(shell):
        chosen = {} if port is None else {"server.port": port}
        config = load_config(shell.base.settings_file, os.environ, chosen)
        run_server(config, shell.base, lambda endpoint: _announce(shell, endpoint))


def _announce(shell: Shell, endpoint: "Endpoint") -> None:
    """The API answers: say where, and later which model is ready."""
    if shell.terminal.json:
        shell.terminal.tell(
            {"address": endpoint.address, "pid": endpoint.pid, "base_dir": str(shell.base.root)}
        )
        return
    shell.terminal.say(marked("ok", f"Spark is running at {endpoint.address}"))
    create_task(_announce_model(shell, endpoint), name="announce the first model")


async def _announce_model(shell: Shell, endpoint: "Endpoint") -> None:
    """Watch the own engine as any client would, until its default model answers or fails."""
    from spark_engine.cli.following import states
    from spark_engine.client.http import SparkClient

    with contextlib.suppress(SparkError):  # the engine stops before its model is ready
        async with SparkClient(endpoint, caller="spark-cli") as client, aclosing(states(client)) as changes:
            async for state in changes:
                if _tell_model(shell, state):
                    return


def _tell_model(shell: Shell, state: EngineState) -> bool:
    """Print how the default model is doing once that is settled; whether it is."""
    variant = find_variant(state, state.default_model)
    if variant is None:
        shell.terminal.say("  No model is installed yet; `spark models list` shows what there is.")
        return True
    match variant.status:
        case Ready(device):
            shell.terminal.say(f"  {variant.id} is ready on {device}. Try it:")
            shell.terminal.say(f"  {curl_line(state.engine.address)}")
            return True
        case LoadFailed(_, title, message, remedy):
            shell.terminal.say(marked("bad", title), f"\n  {message} {remedy}")
            return True
        case Unloaded():
            shell.terminal.say(f"  {variant.id} loads with the first question:")
            shell.terminal.say(f"  {curl_line(state.engine.address)}")
            return True
    return False


def curl_line(address: str) -> str:
    """A command that asks a running engine a question."""
    body = '{"model": "auto", "messages": [{"role": "user", "content": "What can you do?"}]}'
    return f"curl {address}/v1/chat/completions -H 'Content-Type: application/json' -d '{body}'"
