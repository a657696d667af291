"""llama.cpp's context and key/value cache: one stream per slot in use, growing and shrinking by need.

Each slot has a stream of its own instead of a share of one: then llama.cpp computes for it bit by bit what it
would compute alone. Streams that are neighbours share a run, so those in use are kept together at the front.
"""

import sys
from collections.abc import Iterable, Sequence

from msgspec import Struct

from spark_engine.backends.gguf_library import llama, native_log
from spark_engine.backends.gguf_model import GgufModel
from spark_engine.backends.gguf_state import Place, exchange, move

BATCH = 512
# Tokens of one graph: memory for attention scores grows with it, speed on a CPU hardly does.
MICRO_BATCH = 256
BLOCK = 512
MOST_LOGITS = 16  # that one slot may want in a run
CONTEXT_BLOCK = 256  # llama.cpp rounds a stream's length up to it
SHRINK_BELOW = 4
LIVELY_RUNS = 32
START_ROWS = 2  # so that a second sequence need not wait for a new context
_SAVED_BESIDES = 12  # bytes: with each position its number, and that one sequence has it, and which
_FLASH_ATTENTION_OFF = 0  # its kernels for one row and for many round differently


class ContextSettings(Struct, frozen=True):
    """What stays the same however the cache grows: most `slots`, `context` tokens of each, and `threads`.

    `least`: positions that a stream has at any rate. `is_float32`: whether keys and values keep all their bits.
    """

    slots: int
    context: int
    threads: int
    least: int = 1
    is_float32: bool = False

    def rounded(self, positions: int) -> int:
        """The room of a stream that needs so many positions: some more, at most the whole context."""
        roomy = rounded_up(max(positions, self.least), BLOCK)
        return min(rounded_up(self.context, CONTEXT_BLOCK), roomy)


class Cells(Struct, frozen=True):
    """How much memory streams take: bytes of one position in all layers, and how many streams there are at least."""

    bytes: int = 0
    fewest: int = 1

    def nbytes_for(self, lengths: Sequence[int], settings: ContextSettings) -> int:
        """Bytes of the smallest streams that hold slots of these lengths."""
        held = [length for length in lengths if length]
        return max(self.fewest, len(held)) * settings.rounded(max(held, default=0)) * self.bytes


class Streams:
    """A llama.cpp context of `rows` streams with `capacity` positions each, and which slot lives in which.

    `limit` is how many bytes they may have; only what is in use itself may take more.
    """

    def __init__(self, model: GgufModel, settings: ContextSettings, cells: Cells | None = None) -> None:
        """`cells` when they were measured already, with other streams of the model."""
        self._model, self.settings = model, settings
        self._stream_of: dict[int, int] = {}
        self._lengths: dict[int, int] = {}
        self.cells = cells or Cells()
        self.rows, self.capacity = self.cells.fewest, settings.rounded(1)
        self.context = self._new(self.rows, self.capacity)
        self.limit = sys.maxsize
        self._runs = 0
        self._last_run: dict[int, int] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of the cache's buffers."""
        return self.rows * self.capacity * self.cells.bytes

    @property
    def is_empty(self) -> bool:
        """Whether no slot has a stream."""
        return not self._stream_of

    def holds(self, slot: int) -> bool:
        """Whether a slot has a stream here."""
        return slot in self._stream_of

    def nbytes_with(self, needs: dict[int, int]) -> int:
        """Bytes of the smallest streams for what is held and for slots of the lengths needed."""
        return self.cells.nbytes_for([*(self._lengths | needs).values()], self.settings)

    def stream(self, slot: int) -> int:
        """The stream of a slot that has one."""
        return self._stream_of[slot]

    def length(self, slot: int) -> int:
        """Positions in use of a slot."""
        return self._lengths.get(slot, 0)

    def set_length(self, slot: int, length: int) -> None:
        """Say that the first `length` positions of a slot are in use, and forget any others."""
        stream = self._stream_of[slot]
        llama.llama_memory_seq_rm(llama.llama_get_memory(self.context), stream, length, -1)
        self._lengths[slot] = length

    def truncate(self, slot: int, length: int) -> None:
        """Forget a slot's positions from `length` on. ValueError when what is left has a hole in its window:
        of a model with sliding windows, only the window moves along when the cache grows."""
        if length >= self.length(slot):
            return
        first = llama.llama_memory_seq_pos_min(llama.llama_get_memory(self.context), self._stream_of[slot])
        if length and first > max(0, length - llama.llama_model_n_swa(self._model.pointer)):
            raise ValueError(f"slot {slot} does not remember what {length} positions need any more")
        self.set_length(slot, length)

    def reserve(self, needs: dict[int, int], reach: int = 0) -> None:
        """Give each slot a stream, and every stream room for the positions its slot needs; when it grows, for `reach`
        if that is allowed."""
        rows = len(self._stream_of.keys() | needs.keys())
        most = max(needs.values(), default=0)
        if rows > self.rows or most > self.capacity:
            self._grow(rows, most, reach)
        for slot in needs:
            if slot not in self._stream_of:
                self._stream_of[slot] = self._lowest_free()
                self._lengths[slot] = 0
        self._runs += 1
        self._last_run |= dict.fromkeys(needs, self._runs)
        self._gather(needs.keys())

    def copy(self, slot_from: int, slot_to: int, length: int) -> None:
        """Make the first `length` positions of one slot those of another.

        Through a buffer: between streams llama.cpp's own copy takes whole buffers, and only at the next run.
        """
        self.reserve(dict.fromkeys((slot_from, slot_to), self.length(slot_from)))
        move(self._place(self.stream(slot_from)), self._place(self.stream(slot_to)))
        self.set_length(slot_to, length)

    def free(self, slot: int) -> None:
        """Forget a slot; shrink when most of the memory is not needed any more."""
        if slot not in self._stream_of:
            return
        self.set_length(slot, 0)
        del self._stream_of[slot], self._lengths[slot]
        self._shrink()

    def measure(self, slot: int) -> None:
        """Learn from a slot with two positions how many bytes a position takes, all layers together.

        Caches of several parts (sliding windows) cannot change their number of streams: they get all at once.
        """
        fewest = 1
        try:
            self._resize(min(2, self.settings.slots), self.capacity)
        except MemoryError:
            fewest = self.settings.slots
        both = self._saved_bytes(slot)
        self.set_length(slot, 1)
        self.cells = Cells(both - self._saved_bytes(slot) - _SAVED_BESIDES, fewest)
        self.set_length(slot, 0)
        self._resize(self._fewest, self.capacity)

    def shrink_to(self, limit: int) -> None:
        """Have at most so many bytes from now on, if what is in use allows that."""
        self.limit = limit
        if self.nbytes > limit:
            self._shrink()

    def close(self) -> None:
        """Free the context."""
        if self.context:
            llama.llama_free(self.context)
        self.context = 0
        self._stream_of.clear()
        self._lengths.clear()
        self.rows = 0

    def _new(self, rows: int, capacity: int) -> int:
        """A context, empty. MemoryError when there is no room for it."""
        params = llama.llama_context_default_params()
        params.n_ctx, params.n_seq_max, params.kv_unified = rows * capacity, rows, False
        params.n_batch, params.n_ubatch, params.n_outputs_max = BATCH, MICRO_BATCH, self._outputs(rows)
        params.n_threads = params.n_threads_batch = self.settings.threads
        params.flash_attn_type = _FLASH_ATTENTION_OFF
        if self.settings.is_float32:
            params.type_k = params.type_v = llama.GGML_TYPE_F32
        params.swa_full = True  # every position stays, so that a slot can be cut anywhere
        params.offload_kqv = params.op_offload = False
        native_log.forget()
        context = llama.llama_init_from_model(self._model.pointer, params)
        if not context:
            raise MemoryError(native_log.errors() or "no room for the key/value cache")
        return int(context)

    def _resize(self, rows: int, capacity: int) -> None:
        """A new context with what is in use of the old one, its streams without gaps between them."""
        new = self._new(rows, capacity)
        stream_of = {slot: place for place, slot in enumerate(self._stream_of)}
        try:
            for slot, stream in self._stream_of.items():
                if self._lengths[slot]:
                    move(self._place(stream), Place(new, stream_of[slot], rows))
        except BaseException:
            llama.llama_free(new)
            raise
        llama.llama_free(self.context)
        self.context, self.rows, self.capacity, self._stream_of = new, rows, capacity, stream_of

    @property
    def _fewest(self) -> int:
        """How many streams to have at least where the limit allows."""
        return max(self.cells.fewest, min(START_ROWS, self.settings.slots))

    def _grow(self, rows: int, positions: int, reach: int) -> None:
        """At least `rows` streams of `positions`: twice what there was if the limit allows, else what is needed."""
        roomy_rows = self.rows if rows <= self.rows else min(self.settings.slots, max(rows, 2 * self.rows))
        roomy = (
            self.capacity
            if positions <= self.capacity
            else self.settings.rounded(max(positions, reach, 2 * self.capacity))
        )
        if roomy_rows * roomy * self.cells.bytes > self.limit:
            roomy_rows = max(self.cells.fewest, rows)
            roomy = self.settings.rounded(max(positions, *self._lengths.values(), 0))
        self._resize(roomy_rows, roomy)

    def _shrink(self) -> None:
        over = self.nbytes > self.limit
        rows = max(self.cells.fewest if over else self._fewest, len(self._stream_of))
        longest = (1 if over else 2) * max(self._lengths.values(), default=0)
        room = min(self.capacity, self.settings.rounded(longest))
        factor = 1 if over else SHRINK_BELOW if self._stream_of else 2
        if self.rows * self.capacity >= factor * rows * room:
            self._resize(rows, room)

    def _gather(self, slots: Iterable[int]) -> None:
        """Make the streams of `slots` neighbours at the front: a gap between them costs a run of its own.

        Slots that ran lately stay where they are, as they will run again soon.
        """
        wanted = set(slots)
        streams = sorted(self._stream_of[slot] for slot in wanted)
        if streams[-1] - streams[0] + 1 == len(streams):
            return
        away = [slot for slot in wanted if self._stream_of[slot] >= len(wanted)]
        away.sort(key=self._stream_of.__getitem__, reverse=True)
        for slot, home in zip(away, self._quiet(set(range(len(wanted))), wanted), strict=False):
            self._exchange(slot, home)

    def _quiet(self, streams: set[int], wanted: set[int]) -> list[int]:
        """Those of `streams` where no wanted slot lives, nor one that ran lately."""
        busy = {
            stream
            for slot, stream in self._stream_of.items()
            if slot in wanted or self._runs - self._last_run.get(slot, 0) < LIVELY_RUNS
        }
        return sorted(streams - busy)

    def _exchange(self, slot: int, home: int) -> None:
        """Move a slot into the stream `home`, and whatever lives there into the slot's stream."""
        stream = self._stream_of[slot]
        dweller = next((other for other, place in self._stream_of.items() if place == home), None)
        if dweller is None:
            move(self._place(stream), self._place(home))
            llama.llama_memory_seq_rm(llama.llama_get_memory(self.context), stream, -1, -1)
        else:
            exchange(self._place(stream), self._place(home))
            self._stream_of[dweller] = stream
        self._stream_of[slot] = home

    def _outputs(self, rows: int) -> int:
        return rows + MOST_LOGITS - 1

    def _saved_bytes(self, slot: int) -> int:
        return int(llama.llama_state_seq_get_size(self.context, self._stream_of[slot]))

    def _place(self, stream: int) -> Place:
        return Place(self.context, stream, self.rows)

    def _lowest_free(self) -> int:
        taken = set(self._stream_of.values())
        return next(stream for stream in range(len(taken) + 1) if stream not in taken)


def rounded_up(positions: int, block: int) -> int:
    """The next multiple of `block`, at least one."""
    return max(1, -(-positions // block)) * block
