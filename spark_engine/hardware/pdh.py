"""Windows' performance counters (PDH) by ctypes: one query of counters with many instances each."""

import ctypes
from collections.abc import Sequence
from typing import Any

_DOUBLE, _NO_SCALE, _NO_CAP = 0x00000200, 0x00001000, 0x00008000
_MORE_DATA, _NO_DATA = 0x800007D2, (0x800007D5, 0xC0000BC6)
Samples = list[tuple[str, float]]


class FormattedValue(ctypes.Structure):
    """PDH_FMT_COUNTERVALUE with its double; the union begins at 8 in 32 and 64 bits alike."""

    _fields_ = (("status", ctypes.c_uint32), ("value", ctypes.c_double))


class Item(ctypes.Structure):
    """PDH_FMT_COUNTERVALUE_ITEM_W."""

    _fields_ = (("name", ctypes.c_wchar_p), ("formatted", FormattedValue))


class Query:
    """Counters by their English paths, as in `\\GPU Engine(*)\\Utilization Percentage`; OSError when PDH refuses."""

    def __init__(self, paths: Sequence[str], pdh: Any = None) -> None:
        self._pdh = pdh or ctypes.WinDLL("pdh")  # type: ignore[attr-defined, unused-ignore] # Windows only
        self._query = ctypes.c_void_p()
        self._check(self._pdh.PdhOpenQueryW(None, ctypes.c_size_t(0), ctypes.byref(self._query)), "open")
        self._counters = [self._added(path) for path in paths]
        self._pdh.PdhCollectQueryData(self._query)  # rates are those since the collection before

    def collect(self) -> list[Samples]:
        """Every counter's instances with their values now, in the order of the paths."""
        status = self._pdh.PdhCollectQueryData(self._query) & 0xFFFFFFFF
        if status not in _NO_DATA:
            self._check(status, "collect")
        return [self._samples(counter) for counter in self._counters]

    def close(self) -> None:
        """End the query."""
        self._pdh.PdhCloseQuery(self._query)

    def _added(self, path: str) -> ctypes.c_void_p:
        counter = ctypes.c_void_p()
        status = self._pdh.PdhAddEnglishCounterW(
            self._query, ctypes.c_wchar_p(path), ctypes.c_size_t(0), ctypes.byref(counter)
        )
        self._check(status, path)
        return counter

    def _samples(self, counter: ctypes.c_void_p) -> Samples:
        size, count = ctypes.c_uint32(0), ctypes.c_uint32(0)
        status = self._formatted(counter, size, count, None)
        while status == _MORE_DATA:
            buffer = ctypes.create_string_buffer(size.value)
            status = self._formatted(counter, size, count, buffer)
            if status == 0:
                items = ctypes.cast(buffer, ctypes.POINTER(Item))
                return [_told(items[at]) for at in range(count.value) if items[at].formatted.status in (0, 1)]
        if status not in (0, *_NO_DATA):
            self._check(status, "read")
        return []

    def _formatted(
        self, counter: ctypes.c_void_p, size: ctypes.c_uint32, count: ctypes.c_uint32, buffer: Any
    ) -> int:
        form = ctypes.c_uint32(_DOUBLE | _NO_SCALE | _NO_CAP)
        status: int = self._pdh.PdhGetFormattedCounterArrayW(
            counter, form, ctypes.byref(size), ctypes.byref(count), buffer
        )
        return status & 0xFFFFFFFF

    def _check(self, status: int, what: str) -> None:
        if status & 0xFFFFFFFF:
            raise OSError(f"Windows' performance counters answer {status & 0xFFFFFFFF:#010x} to {what}")


def _told(item: Item) -> tuple[str, float]:
    return str(item.name), float(item.formatted.value)
