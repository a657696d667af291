"""Moves what a stream of llama.cpp's cache holds to another stream, also of a context with more or fewer streams."""

import ctypes
import struct
from typing import NamedTuple

import numpy as np

from spark_engine.backends.gguf_library import llama

_HEADER = struct.Struct("=III")  # magic, sequence, number of streams
_COUNT = 4


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
    size = llama.llama_state_seq_get_size(source.context, source.stream)
    data = np.zeros(size + _COUNT * target.streams, np.uint8)
    if (
        llama.llama_state_seq_get_data(source.context, _bytes_at(data.ctypes.data), size, source.stream)
        != size
    ):
        raise MemoryError("a stream of the key/value cache could not be read")
    start, length = 0, size
    if target.streams != source.streams:
        magic, sequence, _ = _HEADER.unpack_from(data.data)
        start = _COUNT * source.stream
        _HEADER.pack_into(data.data, start, magic, sequence, target.streams)
        length = size + _COUNT * (target.streams - source.streams)
    pointer = _bytes_at(data.ctypes.data + start)
    if llama.llama_state_seq_set_data(target.context, pointer, length, target.stream) != length:
        raise MemoryError("a stream of the key/value cache could not be moved")


def _bytes_at(address: int) -> "ctypes._Pointer[ctypes.c_uint8]":
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_uint8))
