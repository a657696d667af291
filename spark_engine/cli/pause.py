"""`spark pause` and `spark resume`: whether requests are answered, for all programs at once."""

from spark_engine.cli.shell import BaseDirOption, JsonOption, Shell, run

PAUSED = "Serving is paused: new requests wait until `spark resume`, or until Spark is started anew."


def pause(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Let every program's new requests wait; those that a model has already go on."""
    run(Shell(json, base_dir), _pause)


def resume(json: JsonOption = False, base_dir: BaseDirOption = None) -> None:
    """Answer requests again, those that wait first."""
    run(Shell(json, base_dir), _resume)


async def _pause(shell: Shell) -> None:
    async with shell.client() as client:
        await client.pause_serving()
    shell.accepted("serving", PAUSED)


async def _resume(shell: Shell) -> None:
    async with shell.client() as client:
        await client.resume_serving()
    shell.accepted("serving", "Serving goes on.")
