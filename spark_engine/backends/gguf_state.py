"""Moves what a stream of llama.cpp's cache holds to another stream, also of a context with more or fewer streams."""

import ctypes
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.gguf_library import llama

_HEADER = struct.Struct("=III")  # magic, sequence, number of streams
_COUNT = 4
_MOST_STREAMS = 256  # llama.cpp's own limit


class Place(NamedTuple):
    """One stream of a context that has `streams` of them."""

    context: int
    stream: int
    streams: int


def move(source: Place, target: Place) -> None:
    """Copy the positions of one stream into another, replacing what it held. MemoryError when it does not fit.

    A saved sequence is the header, then for each stream a count, zero for all streams but its own, whose
    positions follow the count. It does not matter which count that is, but there must be as many as the target
    has streams. So the header is moved up to the one count that matters, and zeros follow the positions.
    """
    _put(_take(source), source, target)


def exchange(place: Place, other: Place) -> None:
    """Let two streams of one context hold what the other held. MemoryError when it does not fit."""
    kept = _take(place)
    move(other, place)
    _put(kept, place, other)


def _take(source: Place) -> NDArray[np.uint8]:
    """What a stream holds, with room behind it for the counts of `_put`."""
    size = llama.llama_state_seq_get_size(source.context, source.stream)
    data = np.zeros(size + _COUNT * _MOST_STREAMS, np.uint8)
    pointer = _bytes_at(data.ctypes.data)
    if llama.llama_state_seq_get_data(source.context, pointer, size, source.stream) != size:
        raise MemoryError("a stream of the key/value cache could not be read")
    return data


def _put(data: NDArray[np.uint8], source: Place, target: Place) -> None:
    """Write what `_take` gave of `source` into a stream."""
    # An empty stream would be written beside what is there.
    llama.llama_memory_seq_rm(llama.llama_get_memory(target.context), target.stream, -1, -1)
    start, length = 0, len(data) - _COUNT * _MOST_STREAMS
    if target.streams != source.streams:
        magic, sequence, _ = _HEADER.unpack_from(data.data)
        start = _COUNT * source.stream
        _HEADER.pack_into(data.data, start, magic, sequence, target.streams)
        length += _COUNT * (target.streams - source.streams)
    pointer = _bytes_at(data.ctypes.data + start)
    if llama.llama_state_seq_set_data(target.context, pointer, length, target.stream) != length:
        raise MemoryError("a stream of the key/value cache could not be moved")


def _bytes_at(address: int) -> "ctypes._Pointer[ctypes.c_uint8]":
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_uint8))
