"""How fast bytes arrive, over the last seconds, and how long the rest will take."""

from collections import deque

WINDOW_S = 5.0


class Meter:
    """Fed with the count of bytes received so far and the time (seconds of any clock that does not go back)."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def see(self, now: float, received: int) -> None:
        """So many bytes have arrived by now."""
        self._seen.append((now, received))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()

    @property
    def bytes_per_second(self) -> float:
        """Over the last seconds; 0 when nothing came."""
        if len(self._seen) < 2:
            return 0.0
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return max(0.0, (last - first) / (ended - began)) if ended > began else 0.0

    def seconds_left(self, missing: int) -> float | None:
        """For so many bytes; None while it cannot be told."""
        speed = self.bytes_per_second
        return missing / speed if speed > 0 else None
