"""Notices that the machine slept, and has everything looked at that a sleep may have broken."""

import logging
from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)
SLEPT_S = 20.0
"""A clock that goes on in sleep gained so much on one that does not: the machine slept, and was not merely busy."""


class AfterSleep:
    """`wake` are told after a sleep, each for itself. `clock` gives seconds that grow only in sleep.

    It has no timer of its own: whoever is called every few seconds anyway calls `look`.
    """

    def __init__(self, wake: Sequence[Callable[[], None]], clock: Callable[[], float]) -> None:
        self._wake, self._clock = wake, clock
        self._seen = clock()

    def look(self) -> bool:
        """Whether the machine slept since the last look; then everybody was told."""
        now = self._clock()
        slept, self._seen = now - self._seen, now
        if slept <= SLEPT_S:
            return False
        log.info("the machine slept for %.0f s: everything is looked at anew", slept)
        for wake in self._wake:
            try:
                wake()
            except Exception:  # one part that fails must not keep the others asleep
                log.exception("a part of Spark did not wake up")
        return True
