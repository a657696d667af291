"""Spark's decoder in a loop and nothing else: what decoding costs without scheduler, pipe or HTTP."""

import os
from typing import Any

from spark_engine.backends import device_env, registry
from spark_engine.backends.base import Decoder, SlotInput
from spark_engine.bench.contestants.child import Streams, Timelines, clock, serve
from spark_engine.bench.contestants.order import load_plan


class BareDecoder:
    """All streams begin together: one prompt after the other, then all rows in one step until each is done."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def measure(self, streams: Streams) -> Timelines:
        """Greedy decoding without anything else."""
        now = clock()
        rows = [_Row(slot, stream) for slot, stream in enumerate(streams)]
        for row in rows:
            self._step([row], now)
        while running := [row for row in rows if row.left]:
            self._step(running, now)
        for row in rows:
            self._decoder.free(row.slot)
        return [{"arrived": 0.0, "times": row.times, "tokens": len(row.times)} for row in rows]

    def _step(self, rows: list["_Row"], now: Any) -> None:
        outputs = self._decoder.forward([row.next_input() for row in rows])
        for row, logits in zip(rows, outputs, strict=True):
            assert logits is not None
            row.take(int(logits.argmax()))
        came = now()
        for row in rows:
            row.times.append(came)


class _Row:
    """One stream: its slot, what goes into it next, and how many tokens are left to come."""

    def __init__(self, slot: int, stream: dict[str, Any]) -> None:
        self.slot, self.left = slot, int(stream["tokens"])
        self.times: list[float] = []
        self._position, self._tokens = 0, list(stream["prompt"])

    def next_input(self) -> SlotInput:
        """The tokens that are not yet in the slot."""
        return SlotInput(self.slot, self._position, self._tokens, True)

    def take(self, token: int) -> None:
        """A new token."""
        self._position += len(self._tokens)
        self._tokens = [token]
        self.left -= 1


def open_bare(order: dict[str, Any]) -> BareDecoder:
    """Load the decoder of the ordered model."""
    device_env.prepare(os.environ)
    plan = load_plan(order)
    decoder = registry.find(plan.format).decoder(plan)
    for _ in decoder.load(plan):
        pass
    return BareDecoder(decoder)


if __name__ == "__main__":
    serve(open_bare)
