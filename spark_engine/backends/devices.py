"""Which devices run models: the CPU, and elsewhere a clear refusal."""

from spark_engine.errors import Unavailable

CPU = "cpu"


def require_cpu(device: str, kind: str) -> None:
    """Unavailable when another device than the CPU is asked for. `kind`: whose files it says run there, as `GGUF`."""
    if device.lower() != CPU:
        raise Unavailable(
            "device_unavailable",
            "This device cannot be used",
            f"{kind} models run on the CPU in this version of Spark, not on {device}.",
            "Choose the CPU.",
        )
