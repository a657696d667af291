"""Counters and live figures: tokens per second, memory, and the text Prometheus scrapes."""

import time
from collections import deque
from collections.abc import Iterable

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from spark_engine.protocol.messages import RunnerStats
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.requests import RequestEntry

WINDOW_S = 3.0
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class TokenRate:
    """Tokens per second over the last three seconds."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()
        self._total = 0

    def add(self, count: int, now: float) -> None:
        """So many tokens came out at `now` (seconds of any steady clock)."""
        if self._counts and now - self._counts[-1][0] < WINDOW_S / 100:
            at, sooner = self._counts[-1]
            self._counts[-1] = (at, sooner + count)
        else:
            self._counts.append((now, count))
        self._total += count

    def per_second(self, now: float) -> float:
        """The rate as of `now`; 0 when nothing came out lately."""
        while self._counts and now - self._counts[0][0] > WINDOW_S:
            self._total -= self._counts.popleft()[1]
        if not self._counts:
            return 0.0
        return self._total / max(0.2, now - self._counts[0][0])


class Figures:
    """Everything counted since the engine started."""

    def __init__(self) -> None:
        self.rate = TokenRate()
        self._process = psutil.Process()
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "spark_requests", "Generations that ended.", ["model", "outcome"], registry=registry
        )
        self._prompt = Counter("spark_prompt_tokens", "Prompt tokens read.", ["model"], registry=registry)
        self._cached = Counter(
            "spark_cached_tokens", "Prompt tokens found in the prefix cache.", ["model"], registry=registry
        )
        self._completion = Counter(
            "spark_completion_tokens", "Tokens generated.", ["model"], registry=registry
        )
        self._first = Histogram(
            "spark_time_to_first_token_seconds",
            "From acceptance to the first token.",
            ["model"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._running = Gauge("spark_requests_running", "Generations running.", registry=registry)
        self._waiting = Gauge("spark_requests_waiting", "Generations waiting.", registry=registry)
        self._rate = Gauge(
            "spark_tokens_per_second", "Tokens generated per second, over three seconds.", registry=registry
        )
        self._engine = Gauge("spark_engine_memory_bytes", "Resident memory of the engine.", registry=registry)
        self._runner = Gauge(
            "spark_runner_memory_bytes", "Resident memory of a runner.", ["model"], registry=registry
        )
        self._kv = Gauge(
            "spark_kv_cache_bytes", "Memory of a model's key/value cache.", ["model"], registry=registry
        )
        self._kv_limit = Gauge(
            "spark_kv_cache_limit_bytes", "The most it may become.", ["model"], registry=registry
        )

    def ended(self, entry: RequestEntry) -> None:
        """Count a generation that is over."""
        self._requests.labels(entry.model, entry.error_code or entry.phase).inc()
        self._prompt.labels(entry.model).inc(entry.usage.prompt_tokens)
        self._cached.labels(entry.model).inc(entry.usage.cached_tokens)
        self._completion.labels(entry.model).inc(entry.usage.completion_tokens)
        if entry.usage.completion_tokens:
            self._first.labels(entry.model).observe(entry.timings.first_token_ms / 1000)

    def sample(self, running: int, waiting: int, runner_pids: Iterable[int]) -> MetricsSample:
        """The live figures right now."""
        memory = psutil.virtual_memory()
        return MetricsSample(
            at=time.time(),
            tokens_per_second=self.rate.per_second(time.monotonic()),
            running=running,
            waiting=waiting,
            engine_bytes=self._process.memory_info().rss,
            runner_bytes=sum(map(resident_bytes, runner_pids)),
            total_memory_bytes=memory.total,
            available_memory_bytes=memory.available,
        )

    def prometheus(
        self, sample: MetricsSample, runners: dict[str, int], stats: dict[str, RunnerStats]
    ) -> bytes:
        """The text format; `runners` maps a variant to its runner's pid, `stats` to what it last said."""
        self._running.set(sample.running)
        self._waiting.set(sample.waiting)
        self._rate.set(sample.tokens_per_second)
        self._engine.set(sample.engine_bytes)
        self._runner.clear()
        self._kv.clear()
        self._kv_limit.clear()
        for model, pid in runners.items():
            self._runner.labels(model).set(resident_bytes(pid))
        for model, said in stats.items():
            self._kv.labels(model).set(said.kv_bytes)
            self._kv_limit.labels(model).set(said.kv_limit_bytes)
        return generate_latest(self._registry)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
