"""Reads one text with a GGUF decoder for its hidden states, in a llama.cpp context of its own."""

from collections.abc import Sequence

import numpy as np

from spark_engine.backends.base import Hidden
from spark_engine.backends.cutting import cuts
from spark_engine.backends.gguf_batch import Batch
from spark_engine.backends.gguf_library import llama, native_log
from spark_engine.backends.gguf_model import GgufModel
from spark_engine.backends.gguf_streams import MICRO_BATCH, ContextSettings

LOGITS_BYTES = 64 * 1024 * 1024
"""Of one run: llama.cpp computes logits of every token along with its hidden state."""
_LEAST_CHUNK = 16
_FLASH_ATTENTION_OFF = 0


class GgufReading:
    """A text of `length` tokens. `settings` are those of the streams that would hold a sequence of that length, so that
    llama.cpp takes the same rotary factors. MemoryError when there is no room for it."""

    def __init__(self, model: GgufModel, settings: ContextSettings, length: int) -> None:
        self._chunk = max(_LEAST_CHUNK, min(MICRO_BATCH, LOGITS_BYTES // (4 * model.vocab_size)))
        self._width = int(llama.llama_model_n_embd_out(model.pointer))
        self._batch = Batch(self._chunk)
        self._done = 0
        self._context = self._new(model, settings, length)

    def add(self, tokens: Sequence[int]) -> Hidden:
        """Read on, in as many runs as the logits' memory asks for."""
        return np.concatenate([self._run(list(tokens[cut])) for cut in cuts(len(tokens), self._chunk)])

    def close(self) -> None:
        """Free the context."""
        if self._context:
            llama.llama_free(self._context)
        self._context = 0

    def _run(self, tokens: list[int]) -> Hidden:
        self._batch.clear()
        self._batch.add(tokens, self._done, stream=0)
        self._batch.want_last(len(tokens))
        native_log.forget()
        if status := llama.llama_decode(self._context, self._batch.native()):
            raise RuntimeError(f"llama.cpp could not compute (status {status}) {native_log.errors()[:300]}")
        self._done += len(tokens)
        hidden = llama.llama_get_embeddings(self._context)
        return np.ctypeslib.as_array(hidden, (len(tokens), self._width)).astype(np.float32)

    def _new(self, model: GgufModel, settings: ContextSettings, length: int) -> int:
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_seq_max = settings.rounded(length), 1
        params.n_batch = params.n_ubatch = params.n_outputs_max = self._chunk
        params.n_threads = params.n_threads_batch = settings.threads
        params.embeddings = True
        if model.pooling is not None:  # without one, asking for none would be warned of
            params.pooling_type = llama.LLAMA_POOLING_TYPE_NONE
        params.flash_attn_type = _FLASH_ATTENTION_OFF
        if settings.is_float32:
            params.type_k = params.type_v = llama.GGML_TYPE_F32
        params.offload_kqv = params.op_offload = False
        native_log.forget()
        context = llama.llama_init_from_model(model.pointer, params)
        if not context:
            raise MemoryError(native_log.errors() or "no room to read a text")
        return int(context)
