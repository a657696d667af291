"""Tells whoever ordered the benchmark how it comes along: a line of JSON per event."""

from typing import BinaryIO

import msgspec

from spark_engine.types.bench import Said, Step


class Reporter:
    """Writes to `sink`; a reader that is gone is no reason to fail, as its end is noticed elsewhere."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink

    def tell(self, said: Said) -> None:
        """One event."""
        try:
            self._sink.write(msgspec.json.encode(said) + b"\n")
            self._sink.flush()
        except OSError:
            pass

    def step(self, fraction: float | None, text: str) -> None:
        """Where the work is."""
        self.tell(Step(fraction, text))
