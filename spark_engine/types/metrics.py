"""Live figures of the engine, sampled while somebody watches."""

from msgspec import Struct


class MetricsSample(Struct, frozen=True):
    """One sample. `at` is Unix seconds; memory is resident bytes of the engine and of all runners
    together.
    """

    at: float = 0.0
    tokens_per_second: float = 0.0
    running: int = 0
    waiting: int = 0
    engine_bytes: int = 0
    runner_bytes: int = 0
    total_memory_bytes: int = 0
    available_memory_bytes: int = 0
