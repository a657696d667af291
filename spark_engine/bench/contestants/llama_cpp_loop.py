"""llama-cpp-python's low-level interface in a loop: all prompts in one run, then a token of every stream a run."""

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

from spark_engine.bench.contestants.child import Streams, Timelines, clock, serve

ROOM = 1024
BLOCK = 256
"""llama.cpp rounds the room of a sequence up to this."""


class Entry(NamedTuple):
    """One token of a run, and whether logits are wanted after it."""

    token: int
    position: int
    row: int
    wanted: bool


class LlamaLoop:
    """A model with a context for each number of streams; the last one is kept."""

    def __init__(self, llama: Any, order: dict[str, Any]) -> None:
        self._llama, self._threads = llama, order["plan"]["threads"]
        self._silent = llama.llama_log_callback(
            lambda level, text, data: None
        )  # llama.cpp keeps only its address
        llama.llama_log_set(self._silent, ctypes.c_void_p(0))
        llama.llama_backend_init()
        self._model = _open_model(llama, order["plan"]["path"])
        self._vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self._model))
        self._shape, self._batch = (0, 0), llama.llama_batch_init(ROOM, 0, 1)
        self._context: Any = None

    def measure(self, streams: Streams) -> Timelines:
        """Greedy; streams end when they have their tokens, the others go on."""
        self._take_shape(len(streams), max(len(s["prompt"]) + s["tokens"] for s in streams))
        times = self._generate([s["prompt"] for s in streams], [s["tokens"] for s in streams], clock())
        return [{"arrived": 0.0, "times": row, "tokens": len(row)} for row in times]

    def _generate(
        self, prompts: list[list[int]], wanted: list[int], now: Callable[[], float]
    ) -> list[list[float]]:
        self._llama.llama_memory_clear(self._llama.llama_get_memory(self._context), True)
        times: list[list[float]] = [[] for _ in prompts]
        entries = [entry for row, prompt in enumerate(prompts) for entry in _prompt_entries(row, prompt)]
        while entries:
            tokens: dict[int, int] = {}
            for begin in range(0, len(entries), ROOM):
                tokens |= self._run(entries[begin : begin + ROOM])
            came = now()
            for row in tokens:
                times[row].append(came)
            entries = [
                Entry(token, len(prompts[row]) + len(times[row]) - 1, row, True)
                for row, token in tokens.items()
                if len(times[row]) < wanted[row]
            ]
        return times

    def _run(self, entries: list[Entry]) -> dict[int, int]:
        """Compute these; the likeliest next token of each row that wanted one."""
        batch = self._batch
        for place, entry in enumerate(entries):
            batch.token[place], batch.pos[place] = entry.token, entry.position
            batch.n_seq_id[place], batch.seq_id[place][0] = 1, entry.row
            batch.logits[place] = entry.wanted
        batch.n_tokens = len(entries)
        if status := self._llama.llama_decode(self._context, batch):
            raise RuntimeError(f"llama_decode: {status}")
        return {entry.row: self._likeliest(place) for place, entry in enumerate(entries) if entry.wanted}

    def _likeliest(self, place: int) -> int:
        import numpy as np

        logits = self._llama.llama_get_logits_ith(self._context, place)
        return int(np.ctypeslib.as_array(logits, (self._vocabulary,)).argmax())

    def _take_shape(self, rows: int, length: int) -> None:
        """Have a context for so many rows of this length, warmed up."""
        shape = (rows, -(-length // BLOCK) * BLOCK)
        if self._shape == shape:
            return
        if self._context is not None:
            self._llama.llama_free(self._context)
        self._shape, self._context = shape, self._new_context(*shape)
        self._generate([[0, 0]] * rows, [2] * rows, clock())

    def _new_context(self, rows: int, length: int) -> Any:
        params = self._llama.llama_context_default_params()
        params.n_ctx, params.n_seq_max, params.kv_unified = rows * length, rows, True
        params.n_batch = ROOM
        params.n_threads = params.n_threads_batch = self._threads
        context = self._llama.llama_init_from_model(self._model, params)
        if not context:
            raise RuntimeError("llama.cpp has no room for the cache")
        return context


def _open_model(llama: Any, path: str) -> Any:
    params = llama.llama_model_default_params()
    params.n_gpu_layers = 0
    model = llama.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise RuntimeError("llama.cpp does not open the file")
    return model


def _prompt_entries(row: int, prompt: list[int]) -> list[Entry]:
    last = len(prompt) - 1
    return [Entry(token, place, row, place == last) for place, token in enumerate(prompt)]


def open_loop(order: dict[str, Any]) -> LlamaLoop:
    """Load the ordered file."""
    from llama_cpp import llama_cpp as llama

    return LlamaLoop(llama, order)


if __name__ == "__main__":
    serve(open_loop)
