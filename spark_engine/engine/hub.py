"""Asks the hub what a repository offers, in a child process: the engine itself never talks to the network."""

import sys
from collections.abc import Mapping

import msgspec

from spark_engine.catalog.hub.failures import Failed
from spark_engine.catalog.hub.offer import Answer, Offered
from spark_engine.config.load import Config
from spark_engine.engine.leashed_process import run
from spark_engine.errors import InvalidRequest, NotAllowed, NotFound, SparkError, Unavailable
from spark_engine.paths import BaseDir

_TIMEOUT_S = 50.0
_KINDS: Mapping[int, type[SparkError]] = {400: InvalidRequest, 403: NotAllowed, 404: NotFound}


async def offered(config: Config, base: BaseDir, ref: str) -> Offered:
    """The variants of `org/name[:variant]` with their sizes. SparkError when the hub refuses or cannot be reached."""
    command = [sys.executable, "-m", "spark_engine.catalog.hub", f"--state={base.state}"]
    command += [f"--endpoint={config.text('hub.endpoint')}"]
    command += ["--offline"] if config.flag("hub.offline") else []
    answers: list[Answer] = []

    def take(line: str) -> None:
        try:
            answers.append(msgspec.json.decode(line, type=Answer))
        except msgspec.MsgspecError:
            return

    ended = await run([*command, "--", ref], take, timeout_s=_TIMEOUT_S)
    if not answers:
        raise Unavailable(
            "hub_unanswered",
            "The model hub could not be asked",
            f"The process that asks it {ended}.",
            "Try again.",
        )
    if isinstance(answers[-1], Failed):
        raise as_error(answers[-1])
    return answers[-1]


def as_error(failed: Failed) -> SparkError:
    """What another process reported, as the error it was."""
    kind = _KINDS.get(failed.status, Unavailable)
    return kind(failed.code, failed.title, failed.message, failed.remedy)
