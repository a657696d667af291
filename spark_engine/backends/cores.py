"""How many threads a model should compute with."""

from spark_engine.hardware.processor import physical_cores as physical_cores

SMALL_BYTES = 32 * 1024 * 1024


def threads_for(weight_bytes: int) -> int:
    """All physical cores; one for weights so small that sharing the work costs more than it saves."""
    return 1 if weight_bytes < SMALL_BYTES else physical_cores()
