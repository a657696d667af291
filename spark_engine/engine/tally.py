"""Counts what somebody asked: requests, errors, and how long the latest answers took."""

from collections import deque

from spark_engine.types.apps import Usage, quantile

REMEMBERED = 512


class Tally:
    """Answers of one app, or of one program of the ecosystem."""

    def __init__(self) -> None:
        self._requests = self._errors = 0
        self._took_ms: deque[float] = deque(maxlen=REMEMBERED)
        self._usage: Usage | None = Usage()

    def add(self, took_ms: float | None, failed: bool) -> None:
        """One request is over; `took_ms` None: its client left before it had its answer."""
        self._usage = None
        self._requests += 1
        self._errors += failed
        if took_ms is not None and not failed:
            self._took_ms.append(took_ms)

    @property
    def usage(self) -> Usage:
        """The figures now."""
        if self._usage is None:
            ordered = sorted(self._took_ms)
            half, most = (round(quantile(ordered, part), 1) for part in (0.5, 0.95))
            self._usage = Usage(self._requests, self._errors, half, most)
        return self._usage
