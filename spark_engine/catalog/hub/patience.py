"""How long is waited and how often is tried, when the network or the hub has trouble."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from spark_engine.catalog.hub.failures import Interrupted

Wait = Callable[[float, str], None]
"""Waits so many seconds and tells people why."""
_T = TypeVar("_T")


class Patience(Struct, frozen=True):
    """`stall_s`: without a byte, a connection counts as lost. `tries`: in a row, without getting any further.
    The pauses between them double from `first_delay_s` to `most_delay_s`. A server that asks for a pause is given up
    to `longest_ask_s`. All in seconds."""

    connect_s: float = 15.0
    stall_s: float = 30.0
    tries: int = 10
    first_delay_s: float = 0.5
    most_delay_s: float = 30.0
    longest_ask_s: float = 600.0

    def delay(self, fruitless: int, asked: float | None = None, chance: float | None = None) -> float:
        """Seconds to wait after the `fruitless`-th try (from 1). Half of it is chance (0..1), so that many who were cut
        off together do not come back together."""
        drawn = random.random() if chance is None else chance
        step = min(self.most_delay_s, self.first_delay_s * 2.0 ** min(fruitless - 1, 30))
        own = step * (0.5 + drawn / 2)
        return own if asked is None else max(own, min(asked, self.longest_ask_s))


def persist(patience: Patience, attempt: Callable[[], _T], wait: Wait | None = None) -> _T:
    """The attempt's result, tried again as long as patience lasts; then the last trouble's SparkError."""
    fruitless = 0
    while True:
        try:
            return attempt()
        except Interrupted as setback:
            fruitless += 1
            if fruitless >= (setback.tries or patience.tries):
                raise setback.error from setback
            (wait or _sleep)(patience.delay(fruitless, setback.retry_after), setback.trouble)


def _sleep(seconds: float, trouble: str) -> None:
    time.sleep(seconds)
