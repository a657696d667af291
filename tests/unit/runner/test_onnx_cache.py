"""Rows of the ONNX cache: who lives where, what moves, and what the memory does. No model needed."""

import sys
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_engine.backends.onnx_kv import BLOCK, KeyValueCache, Window
from spark_engine.backends.onnx_kv_lazy import LazyCache, can_be_lazy

SLOTS, CONTEXT = 6, 3 * BLOCK


KINDS = [
    KeyValueCache,
    pytest.param(LazyCache, marks=pytest.mark.skipif(not can_be_lazy(), reason="not on this system")),
]


def new_cache(kind: type[KeyValueCache] = KeyValueCache) -> KeyValueCache:
    return kind(2, 1, 2, np.float32, slots=SLOTS, context=CONTEXT)


def write(cache: KeyValueCache, slot: int, begin: int, end: int) -> None:
    """Fill positions with numbers that tell slot and position."""
    cache.row(slot)
    cache.reserve(end)
    row = cache.row(slot)
    for tensor, buffer in enumerate(cache.buffers):
        buffer[row, 0, begin:end] = (np.arange(begin, end) + 10_000 * slot + 0.5 * tensor)[:, None]
    cache.set_length(slot, end)


def intact(cache: KeyValueCache, slot: int, owner: int | None = None) -> bool:
    """Whether all positions of a slot hold what was written (by `owner`, when they were copied)."""
    row, length = cache.row(slot), cache.length(slot)
    origin = slot if owner is None else owner
    wanted = np.arange(length) + 10_000 * origin
    return all(
        np.array_equal(buffer[row, 0, :length, 0], wanted + 0.5 * tensor)
        for tensor, buffer in enumerate(cache.buffers)
    )


def test_nothing_is_allocated_before_it_is_needed() -> None:
    cache = new_cache()
    assert cache.nbytes == 0
    write(cache, 0, 0, 3)
    assert (cache.rows, cache.capacity) == (1, BLOCK)


def test_positions_and_rows_grow_by_need_and_keep_what_is_there() -> None:
    cache = new_cache()
    write(cache, 4, 0, 10)
    write(cache, 1, 0, BLOCK + 1)
    assert (cache.rows, cache.capacity) == (2, 2 * BLOCK)
    write(cache, 4, 10, CONTEXT)
    assert cache.capacity == CONTEXT
    assert intact(cache, 4)
    assert intact(cache, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_running_rows_are_neighbours_without_moving_when_few_are_idle(kind: type[KeyValueCache]) -> None:
    cache = new_cache(kind)
    for slot in range(6):
        write(cache, slot, 0, 5 + slot)
    before = cache.version
    assert cache.window([0, 1, 2, 3, 5]) == Window(0, 6)
    assert cache.row(5) == 5
    assert cache.window([1, 2]) == Window(1, 2)
    assert cache.version == before


@pytest.mark.parametrize("kind", KINDS)
def test_rows_move_together_when_most_between_them_are_idle(kind: type[KeyValueCache]) -> None:
    cache = new_cache(kind)
    for slot in range(6):
        write(cache, slot, 0, 5 + slot)
    assert cache.window([0, 5]) == Window(0, 2)
    assert {cache.row(0), cache.row(5)} == {0, 1}
    assert all(intact(cache, slot) for slot in range(6))


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_row_never_lies_idle_between_running_ones(kind: type[KeyValueCache]) -> None:
    cache = new_cache(kind)
    for slot in range(3):
        write(cache, slot, 0, CONTEXT if slot == 1 else 5)
    window = cache.window([0, 2])
    assert cache.row(1) not in window.rows
    assert all(intact(cache, slot) for slot in range(3))


@pytest.mark.parametrize("kind", KINDS)
def test_memory_comes_back(kind: type[KeyValueCache]) -> None:
    cache = new_cache(kind)
    for slot in range(SLOTS):
        write(cache, slot, 0, CONTEXT)
    full = cache.nbytes
    for slot in range(1, SLOTS):
        cache.free(slot)
    cache.free(0)
    assert cache.nbytes <= full // (3 * SLOTS)
    cache.clear()
    assert cache.nbytes == 0


steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "free", "copy", "truncate", "window"]),
        st.integers(0, SLOTS - 1),
        st.integers(0, SLOTS - 1),
        st.integers(1, CONTEXT),
    ),
    max_size=40,
)


@pytest.mark.parametrize("kind", KINDS)
@given(steps)
@settings(max_examples=150)
def test_whatever_happens_every_slot_keeps_its_own(kind: type[KeyValueCache], drawn: list[Any]) -> None:
    cache, owners = new_cache(kind), dict[int, int]()
    for action, slot, other, number in drawn:
        if action == "write" and owners.get(slot, slot) == slot:
            owners[slot] = slot
            write(cache, slot, cache.length(slot), min(CONTEXT, cache.length(slot) + number // 3 + 1))
        elif action == "free":
            cache.free(slot)
            owners.pop(slot, None)
        elif action == "copy" and slot in owners and slot != other:
            cache.copy(slot, other, min(number, cache.length(slot)))
            owners[other] = owners[slot]
        elif action == "truncate" and slot in owners:
            cache.set_length(slot, min(number, cache.length(slot)))
        elif action == "window" and owners:
            active = [s for s in owners if s % 2 == slot % 2] or list(owners)
            window = cache.window(active)
            assert {cache.row(s) for s in active} <= set(window.rows)
            assert window.count <= 2 * len(active)
        assert len(set(cache._row_of.values())) == len(cache._row_of)
        assert cache.rows <= SLOTS
        assert all(intact(cache, s, owner) for s, owner in owners.items())


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_bytes_are_those_of_the_buffers(dtype: type[np.generic]) -> None:
    cache = KeyValueCache(4, 2, 8, dtype, slots=SLOTS, context=CONTEXT)
    cache.row(0)
    assert cache.nbytes == 4 * 2 * 8 * BLOCK * np.dtype(dtype).itemsize


def test_within_its_limit_the_cache_takes_no_more_than_what_it_holds_needs() -> None:
    cache = new_cache()
    write(cache, 0, 0, 10)
    cache.limit = 3 * cache.nbytes
    for slot in range(1, 4):
        write(cache, slot, 0, 20)
    assert cache.nbytes == cache.nbytes_for([10, 20, 20, 20]) > cache.limit
    cache.free(1)
    assert cache.nbytes == cache.nbytes_for([10, 20, 20]) == cache.limit
    assert all(intact(cache, slot) for slot in (0, 2, 3))
    cache.free(0)
    cache.free(2)
    write(cache, 3, 20, BLOCK + 5)
    assert cache.nbytes == cache.nbytes_for([BLOCK + 5]) <= cache.limit
    assert intact(cache, 3)


@pytest.mark.skipif(not can_be_lazy(), reason="not on this system")
def test_where_memory_comes_page_by_page_nothing_moves_and_each_row_takes_its_own() -> None:
    cache = LazyCache(4, 2, 64, np.float32, slots=SLOTS, context=16 * BLOCK)
    cache.row(0)
    version, one = cache.version, 4 * 2 * 64 * 4 * BLOCK
    assert cache.nbytes == 0
    for slot, blocks in enumerate((1, 12, 2)):
        cache.reserve(blocks * BLOCK)
        cache.set_length(slot, blocks * BLOCK)
    assert (cache.version, cache.nbytes) == (version, 15 * one)
    cache.set_length(1, 3 * BLOCK)
    assert cache.nbytes == 15 * one, "what is cut off stays until it is needed"
    cache.limit = 8 * one
    cache.set_length(2, 2 * BLOCK + 1)
    assert cache.nbytes == cache.nbytes_for([BLOCK, 3 * BLOCK, 2 * BLOCK + 1]) == 7 * one


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere resident memory does not show it at once")
def test_the_system_gets_the_memory_of_a_freed_row_back() -> None:
    cache, process = LazyCache(4, 8, 128, np.float32, slots=2, context=4096), psutil.Process()
    cache.row(0)
    before = process.memory_info().rss
    for buffer in cache.buffers:
        buffer[0] = 1.0
    cache.set_length(0, 4096)
    full = process.memory_info().rss - before
    assert full > 0.9 * cache.nbytes > 50_000_000
    cache.set_length(0, 1024)
    cache.limit = 0
    cache.set_length(1, 10)  # another one needs memory
    assert process.memory_info().rss - before < 0.4 * full
    assert all((buffer[0, :, :1024] == 1.0).all() for buffer in cache.buffers)
    cache.free(0)
    assert process.memory_info().rss - before < 0.1 * full
