"""How long to wait before starting something again, and when to give up: 0.5 to 30 s, at most four in a minute."""

from collections.abc import Callable
from time import monotonic

FIRST_S, LONGEST_S = 0.5, 30.0
MOST, WITHIN_S = 4, 60.0


class Attempts:
    """Counts recent attempts; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._recent: list[float] = []

    @property
    def count(self) -> int:
        """How many of the last minute."""
        return len(self._recent)

    def next_delay(self) -> float | None:
        """Seconds to wait before the next attempt; None when there were too many lately."""
        now = self._clock()
        self._recent = [at for at in self._recent if now - at < WITHIN_S]
        if len(self._recent) >= MOST:
            return None
        self._recent.append(now)
        return float(min(FIRST_S * 2 ** (len(self._recent) - 1), LONGEST_S))

    def forget(self) -> None:
        """Somebody asked for a fresh start."""
        self._recent.clear()
