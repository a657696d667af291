"""How many tokens of a text are read before others get their turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from spark_engine.runner.pace import Pace


class Ration:
    """Shares the pace of a model's steps: reading a text costs what reading a prompt costs.

    `streaming` says how many sequences would have to wait. `tokens` counts what was read so far.
    """

    def __init__(self, pace: Pace, streaming: Callable[[], int] = lambda: 0) -> None:
        self._pace, self._streaming = pace, streaming
        self.tokens = 0

    def next(self) -> int:
        """Tokens for the next piece of work."""
        return self._pace.budget(self._streaming())

    @contextmanager
    def spend(self, tokens: int) -> Iterator[None]:
        """Read so many tokens in this block; the pace learns how long it took."""
        began = perf_counter()
        yield
        self._pace.record(0, tokens, perf_counter() - began, 1)
        self.tokens += tokens
