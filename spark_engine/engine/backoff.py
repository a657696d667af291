"""When a runner that died is started again: growing pauses, and a budget after which it stays stopped."""

from collections import deque

FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 30.0
MOST_RESTARTS, WITHIN_S = 4, 60.0


class RestartBudget:
    """At most 4 restarts in 60 s, with pauses of 0.5 s doubling to 30 s. Times come from the caller's
    clock.
    """

    def __init__(self) -> None:
        self._restarts: deque[float] = deque()

    @property
    def attempt(self) -> int:
        """How many restarts lie within the last minute, as of the last call of `next_delay`."""
        return len(self._restarts)

    def next_delay(self, now: float) -> float | None:
        """Seconds to wait before the next start, or None when the budget is spent."""
        while self._restarts and now - self._restarts[0] > WITHIN_S:
            self._restarts.popleft()
        if len(self._restarts) >= MOST_RESTARTS:
            return None
        self._restarts.append(now)
        return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (len(self._restarts) - 1))

    def reset(self) -> None:
        """Forget past restarts: somebody asked for a new try."""
        self._restarts.clear()
