"""onnxruntime-genai's `Engine`: on the CPU a static batch, so all streams begin together."""

import json
import os
from collections.abc import Callable
from typing import Any

from spark_engine.bench.contestants.child import Streams, Timelines, clock, serve
from spark_engine.bench.contestants.og_generator import with_threads

EVENTS = 64


BLOCK = 256


class OgEngine:
    """An engine for each number of streams, as its batch has a fixed size; the last one is kept.

    Its length is fixed too: at the model's own 131,072 positions it would fill gigabytes and be many times slower.
    """

    def __init__(self, og: Any, order: dict[str, Any]) -> None:
        self._og, self._order = og, order
        self._shape = (0, 0)
        self._engine: Any = None

    def measure(self, streams: Streams) -> Timelines:
        """Greedy, exactly as many tokens of each stream as wanted."""
        self._take_shape(len(streams), max(len(s["prompt"]) + s["tokens"] for s in streams))
        return self._generate(streams, clock())

    def _generate(self, streams: Streams, now: Callable[[], float]) -> Timelines:
        engine = self._engine
        buffer = engine.create_event_buffer(EVENTS)
        running: list[tuple[Any, list[float]]] = [(self._begin(stream), []) for stream in streams]
        while engine.has_pending_requests():
            events = engine.run(buffer)
            came = now()
            for event in events:
                self._take(event, running, came)
        for request, _ in running:
            request.close()
        return [{"arrived": 0.0, "times": times, "tokens": len(times)} for _, times in running]

    def _begin(self, stream: dict[str, Any]) -> Any:
        request = self._engine.create_request()
        options = self._og.TurnOptions(request)
        options.set_max_generated_tokens(stream["tokens"])
        options.set_min_generated_tokens(stream["tokens"])
        options.set_do_sample(False)
        request.begin_turn(stream["prompt"], options)
        return request

    def _take(self, event: Any, running: list[tuple[Any, list[float]]], came: float) -> None:
        flags, kinds = int(event.flags), self._og.EngineEventFlags
        if flags & int(kinds.FAILED):
            raise RuntimeError(f"the engine failed: {event.error_code}")
        if flags & int(kinds.TOKEN):
            next(times for request, times in running if request is event.request).append(came)

    def _take_shape(self, size: int, length: int) -> None:
        """Have an engine for batches of this size and length, warmed up."""
        shape = (size, -(-length // BLOCK) * BLOCK)
        if self._shape == shape:
            return
        self._engine = None  # frees the model before the next one is loaded
        self._shape, self._engine = shape, self._open(*shape)
        self._generate([{"prompt": [0, 0], "tokens": 2}] * size, clock())

    def _open(self, size: int, length: int) -> Any:
        config = self._og.Config(self._order["plan"]["path"])
        fixed = {"engine": {"static_batching": {"max_batch_size": size}}, "search": {"max_length": length}}
        config.overlay(json.dumps(with_threads(self._order["plan"]["threads"]) | fixed))
        return self._og.Engine(self._og.Model(config))


def open_engine(order: dict[str, Any]) -> OgEngine:
    """Find the library; models are loaded when the size of their batch is known."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime_genai as og

    return OgEngine(og, order)


if __name__ == "__main__":
    serve(open_engine)
