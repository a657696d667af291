"""onnxruntime-genai's `Generator` on one stream, its threads set or as it comes."""

import json
import os
from typing import Any

from spark_engine.bench.contestants.child import Streams, Timelines, clock, serve


class OgGenerator:
    """A new generator for every stream; the model stays."""

    def __init__(self, og: Any, order: dict[str, Any]) -> None:
        self._og = og
        config = og.Config(order["plan"]["path"])
        if order["threads_set"]:
            config.overlay(json.dumps(with_threads(order["plan"]["threads"])))
        self._model = og.Model(config)

    def measure(self, streams: Streams) -> Timelines:
        """Greedy, exactly as many tokens as wanted."""
        (stream,) = streams
        length = len(stream["prompt"]) + stream["tokens"]
        params = self._og.GeneratorParams(self._model)
        params.set_search_options(max_length=length, min_length=length, do_sample=False)
        now = clock()
        times: list[float] = []
        generator = self._og.Generator(self._model, params)
        generator.append_tokens(stream["prompt"])
        while len(times) < stream["tokens"]:
            generator.generate_next_token()
            times.append(now())
        return [{"arrived": 0.0, "times": times, "tokens": len(times)}]


def with_threads(threads: int) -> dict[str, Any]:
    """What sets the number of threads in a model's configuration."""
    return {"model": {"decoder": {"session_options": {"intra_op_num_threads": threads}}}}


def open_generator(order: dict[str, Any]) -> OgGenerator:
    """Load the ordered model."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime_genai as og

    return OgGenerator(og, order)


if __name__ == "__main__":
    serve(open_generator)
