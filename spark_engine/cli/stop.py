"""`spark stop`: ends the engine of a base directory, whoever started it."""

from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run


def stop(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """End the engine and every loaded model."""
    run(Shell(json, base_dir), _stop)


async def _stop(shell: Shell) -> None:
    from spark_engine.client.process import stop_engine

    pid = await stop_engine(shell.base)
    if shell.terminal.json:
        shell.terminal.tell({"stopped": pid is not None, "pid": pid})
    else:
        shell.terminal.say("Spark was not running." if pid is None else f"Spark (process {pid}) has ended.")
