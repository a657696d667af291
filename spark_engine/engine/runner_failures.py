"""What keeps a runner from serving, said to people."""

from spark_engine.errors import Unavailable
from spark_engine.protocol import PROTOCOL_VERSION
from spark_engine.types.models import LoadFailed

CRASH_LOOP, NOT_STARTED = "runner_crash_loop", "runner_not_started"


def refusal(failed: LoadFailed) -> Unavailable:
    """A load that failed, for those who asked for the model."""
    return Unavailable(failed.code, failed.title, failed.message, failed.remedy)


def crashed(variant: str) -> Unavailable:
    """The runner ended in the middle of a request."""
    return Unavailable(
        "runner_crashed",
        "The model stopped unexpectedly",
        f"The process that runs {variant} ended in the middle of the work. It is being started again.",
        "Send the request again.",
    )


def died(variant: str, reason: str) -> Unavailable:
    """A runner ended before it answered for the first time."""
    return Unavailable(
        "runner_crashed",
        "The model's process ended",
        f"The process that was to run {variant} did not stay: {reason}",
        "Check the acceleration: `spark acceleration verify`.",
    )


def unloaded(variant: str) -> Unavailable:
    """The model was unloaded before a request ended."""
    return Unavailable(
        "model_unloaded",
        "The model was unloaded",
        f"{variant} was unloaded.",
        "Load it again, or send the request again.",
    )


def crash_loop(variant: str, reason: str, evidence: str) -> LoadFailed:
    """Its runner was started too often."""
    return LoadFailed(
        CRASH_LOOP,
        f"{variant} keeps crashing",
        f"Its process ended again and again ({reason}), so Spark stopped starting it.",
        "Load it again, or choose another variant.",
        evidence,
    )


def wrong_protocol(protocol: int) -> LoadFailed:
    """The runner's program and the engine's are of different versions."""
    return LoadFailed(
        "runner_version",
        "The model's process is of another version",
        f"It speaks protocol {protocol}; this engine speaks {PROTOCOL_VERSION}.",
        "Restart Spark.",
    )
