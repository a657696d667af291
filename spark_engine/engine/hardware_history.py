"""Readings remembered: the last minute, hour and day, in one file of a fixed size that survives every end.

The file: 4096 bytes of head (magic, CRC and length of a JSON list of the accelerators' ids), then for each span a ring
of slots. A slot is the Unix time at which its step begins, the row of numbers, and a CRC of both; a step's place in the
ring follows from its time, so that nothing but slots is ever written while it runs.
"""

import logging
import math
import struct
import time
import zlib
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from spark_engine.engine.hardware_columns import ACCELERATORS, WIDTH, columns, row
from spark_engine.types.hardware import HardwareHistory, HardwareReading, Span

log = logging.getLogger(__name__)
MAGIC, HEAD_BYTES = b"SPARKHW1", 4096
MOST_TORN = 3
"""A slot that was being written when the power went is dropped; more broken ones than spans mean a broken file."""
_SLOT = struct.Struct(f"<d{WIDTH}fI")
_HEAD = struct.Struct("<8sII")
_EMPTY = bytes(_SLOT.size)


class Ring(Struct, frozen=True):
    """Where a span lies: `count` steps of `step_s`, the first slot at `offset` bytes."""

    span: Span
    step_s: float
    count: int
    offset: int

    def place(self, at: float) -> int:
        """Offset of the slot of the step that begins at `at`."""
        return self.offset + round(at / self.step_s) % self.count * _SLOT.size


RINGS = (
    Ring("minute", 1.0, 60, HEAD_BYTES),
    Ring("hour", 10.0, 360, HEAD_BYTES + 60 * _SLOT.size),
    Ring("day", 120.0, 720, HEAD_BYTES + 420 * _SLOT.size),
)
FILE_BYTES = HEAD_BYTES + 1140 * _SLOT.size


class Broken(Exception):
    """The file is not what this wrote."""


class History:
    """Kept in memory and in `file`; where that cannot be written it is kept in memory only."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._bytes, self._accelerators = bytearray(FILE_BYTES), list[str]()
        self._handle: BinaryIO | None = None
        self._sums: dict[Span, tuple[float, list[float], list[int]]] = {}

    def open(self) -> None:
        """Read what was remembered; a file that is not whole is set aside and a new one begun."""
        try:
            self._bytes = bytearray(self._file.read_bytes())
            self._accelerators = _checked(self._bytes)
        except FileNotFoundError:
            self._begin()
        except Broken as reason:
            log.warning("%s is set aside: %s", self._file, reason)
            self._begin(aside=True)
        except OSError as error:
            log.warning("%s cannot be read: %s", self._file, error)
            return
        try:
            self._handle = self._file.open("r+b", buffering=0)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._file, error)

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def add(self, reading: HardwareReading) -> None:
        """Remember a reading: as it is in the minute, as part of a mean in hour and day."""
        self._place(reading)
        numbers = row(reading, self._accelerators)
        for ring in RINGS:
            start = math.floor(reading.at / ring.step_s) * ring.step_s
            self._write(ring.place(start), _packed(start, self._mean(ring.span, start, numbers)))

    def span(self, span: Span, now: float | None = None) -> HardwareHistory:
        """What is remembered of this span up to now."""
        ring = next(ring for ring in RINGS if ring.span == span)
        until = time.time() if now is None else now
        rows = sorted(
            numbers
            for at in range(ring.offset, ring.offset + ring.count * _SLOT.size, _SLOT.size)
            if (numbers := _unpacked(self._bytes[at : at + _SLOT.size])) is not None
            and until - ring.count * ring.step_s < numbers[0] <= until
        )
        named = {
            name: tuple(_rounded(numbers[1 + at]) for numbers in rows)
            for at, name in enumerate(columns(self._accelerators))
            if name
        }
        return HardwareHistory(span, ring.step_s, tuple(numbers[0] for numbers in rows), named)

    def _mean(self, span: Span, start: float, numbers: list[float]) -> list[float]:
        """The mean of the step so far, this reading included; NaN counts as nothing."""
        at, sums, counts = self._sums.get(span, (0.0, [], []))
        if at != start:
            sums, counts = [0.0] * WIDTH, [0] * WIDTH
        for index, value in enumerate(numbers):
            if not math.isnan(value):
                sums[index] += value
                counts[index] += 1
        self._sums[span] = (start, sums, counts)
        return [total / count if count else math.nan for total, count in zip(sums, counts, strict=True)]

    def _place(self, reading: HardwareReading) -> None:
        """Give new accelerators a place; there are eight, and whoever comes later is not remembered."""
        new = [one.id for one in reading.accelerators if one.id not in self._accelerators]
        new = new[: ACCELERATORS - len(self._accelerators)]
        if new:
            self._accelerators += new
            self._write(0, _head(self._accelerators))

    def _write(self, at: int, piece: bytes) -> None:
        self._bytes[at : at + len(piece)] = piece
        if self._handle is None:
            return
        try:
            self._handle.seek(at)
            self._handle.write(piece)
        except OSError as error:
            log.warning("%s is no longer written: %s", self._file, error)
            self.close()

    def _begin(self, *, aside: bool = False) -> None:
        self._bytes, self._accelerators = bytearray(FILE_BYTES), []
        self._bytes[:HEAD_BYTES] = _head([])
        try:
            if aside:
                self._file.replace(self._file.with_suffix(".broken"))
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.touch(mode=0o600)
            self._file.write_bytes(self._bytes)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._file, error)


def _checked(content: bytearray) -> list[str]:
    """The accelerators' ids; Broken when this is not a whole file. Slots that are torn are emptied."""
    if len(content) != FILE_BYTES:
        raise Broken(f"it has {len(content)} bytes instead of {FILE_BYTES}")
    magic, crc, length = _HEAD.unpack_from(content)
    text = bytes(content[_HEAD.size : _HEAD.size + min(length, HEAD_BYTES - _HEAD.size)])
    if magic != MAGIC or zlib.crc32(text) != crc:
        raise Broken("its head is damaged")
    torn = [at for at in range(HEAD_BYTES, FILE_BYTES, _SLOT.size) if _is_torn(content[at : at + _SLOT.size])]
    if len(torn) > MOST_TORN:
        raise Broken(f"{len(torn)} of its slots are damaged")
    for at in torn:
        content[at : at + _SLOT.size] = _EMPTY
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.MsgspecError as error:
        raise Broken(f"its head cannot be read: {error}") from error


def _head(accelerators: list[str]) -> bytes:
    text = msgspec.json.encode(accelerators)[: HEAD_BYTES - _HEAD.size]
    return (_HEAD.pack(MAGIC, zlib.crc32(text), len(text)) + text).ljust(HEAD_BYTES, b"\0")


def _packed(start: float, numbers: list[float]) -> bytes:
    body = struct.pack(f"<d{WIDTH}f", start, *numbers)
    return body + struct.pack("<I", zlib.crc32(body))


def _is_torn(slot: bytearray) -> bool:
    return slot != _EMPTY and zlib.crc32(slot[:-4]) != struct.unpack("<I", slot[-4:])[0]


def _unpacked(slot: bytearray) -> tuple[float, ...] | None:
    return None if slot == _EMPTY else _SLOT.unpack(slot)[:-1]


def _rounded(value: float) -> float | None:
    """Five digits say all that a chart shows; None for NaN."""
    return None if math.isnan(value) else float(f"{value:.5g}")
