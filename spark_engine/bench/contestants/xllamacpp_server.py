"""xllamacpp, llama-server's core in process: streamed completions on a server with a slot for each stream."""

import threading
import time
from typing import Any

from spark_engine.bench.contestants.child import Streams, Timelines, clock, serve

BLOCK = 256


class LlamaServer:
    """A server for each number of streams, as its slots are fixed; the last one is kept."""

    def __init__(self, library: Any, order: dict[str, Any]) -> None:
        self._library, self._plan = library, order["plan"]
        self._shape = (0, 0)
        self._server: Any = None

    def measure(self, streams: Streams) -> Timelines:
        """One thread a stream, each beginning when its stream arrives."""
        self._take_shape(len(streams), max(len(s["prompt"]) + s["tokens"] for s in streams))
        return self._generate(streams)

    def _generate(self, streams: Streams) -> Timelines:
        now = clock()
        clients = [_Client(self._server, stream, now) for stream in streams]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return [client.timeline() for client in clients]

    def _take_shape(self, slots: int, length: int) -> None:
        """Have a server with so many slots of this length, warmed up."""
        shape = (slots, -(-length // BLOCK) * BLOCK)
        if self._shape == shape:
            return
        self._server = None  # ends it before the next one begins
        self._shape, self._server = shape, self._open(*shape)
        self._generate([{"prompt": [0, 0], "tokens": 2, "arrives_s": 0.0}] * slots)

    def _open(self, slots: int, length: int) -> Any:
        params = self._library.CommonParams()
        params.model.path = self._plan["path"]
        params.n_parallel, params.n_ctx = slots, slots * length
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._plan["threads"]
        params.n_gpu_layers, params.warmup = 0, False
        return self._library.Server(params)


class _Client(threading.Thread):
    """One stream's client."""

    def __init__(self, server: Any, stream: dict[str, Any], now: Any) -> None:
        super().__init__(daemon=True)
        self._server, self._stream, self._now = server, stream, now
        self._times: list[float] = []
        self._arrived, self._trouble = 0.0, ""

    def run(self) -> None:
        """Wait for the stream's arrival, then ask for its answer."""
        time.sleep(max(0.0, self._stream["arrives_s"] - self._now()))
        self._arrived = self._now()
        wanted = {"temperature": 0, "ignore_eos": True, "cache_prompt": False, "stream": True}
        body = {"prompt": self._stream["prompt"], "n_predict": self._stream["tokens"], **wanted}
        try:
            self._server.handle_completions(body, self._take)
        except Exception as error:
            self._trouble = f"{type(error).__name__}: {error}"

    def timeline(self) -> dict[str, Any]:
        """When its tokens came."""
        if self._trouble or not self._times:
            raise RuntimeError(self._trouble or "no answer came")
        return {"arrived": self._arrived, "times": self._times, "tokens": self._stream["tokens"]}

    def _take(self, piece: Any) -> bool:
        """One piece of the answer; the last one only says that it is over. False: go on."""
        if "error" in piece:
            self._trouble = str(piece["error"])[:300]
        elif piece["choices"] and piece["choices"][0]["finish_reason"] is None:
            self._times.append(self._now())
        return False


def open_server(order: dict[str, Any]) -> LlamaServer:
    """Find the library; servers begin when the number of their slots is known."""
    import xllamacpp

    return LlamaServer(xllamacpp, order)


if __name__ == "__main__":
    serve(open_server)
