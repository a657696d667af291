"""The GPU of a Mac, from what `ioreg` tells of the classes IOAccelerator."""

import plistlib
import subprocess
from collections.abc import Callable
from typing import Any

from spark_engine.hardware.accelerators import Facts, Found
from spark_engine.types.hardware import AcceleratorReading

COMMAND = ("ioreg", "-r", "-d", "1", "-c", "IOAccelerator", "-a")
ASK_EVERY = 3
PATIENCE_S = 5
_WHY = "macOS does not tell it"


class AppleReader:
    """`run` gives the property list. A process a reading is dear: the answer serves for three readings."""

    name = "Apple"

    def __init__(self, run: Callable[[], bytes] | None = None) -> None:
        self._run = run or _ioreg
        self._count = 0
        self._found = Found()

    def read(self, pids: frozenset[int]) -> Found:
        """The GPUs now."""
        if self._count % ASK_EVERY == 0:
            self._found = self._ask()
        self._count += 1
        return self._found

    def _ask(self) -> Found:
        try:
            told = self._run()
            entries = plistlib.loads(told) if told.strip() else []
        except (OSError, subprocess.SubprocessError, plistlib.InvalidFileException, ValueError) as error:
            return Found(reason=f"ioreg gave no answer: {error}.")
        devices = tuple(_device(entry, at) for at, entry in enumerate(entries) if isinstance(entry, dict))
        return Found(devices, "" if devices else "macOS knows no GPU.")


def _device(entry: dict[str, Any], at: int) -> AcceleratorReading:
    facts, did = Facts(), entry.get("PerformanceStatistics") or {}
    name = _words(entry.get("model")) or str(entry.get("IOClass", "GPU"))
    percent = facts.ask("load", lambda: did.get("Device Utilization %"), _WHY)
    facts.missing |= {"temperature_c": _WHY, "power_w": _WHY, "own_memory_bytes": _WHY}
    vram = did.get("vramUsedBytes")
    if vram is None:
        facts.missing["memory_total_bytes"] = "It works in main memory"
    return AcceleratorReading(
        id=f"apple/{entry.get('IORegistryEntryID', at)}",
        kind="gpu",
        vendor="Apple" if name.startswith("Apple") else "",
        name=name,
        driver=_words(entry.get("CFBundleIdentifier")),
        load=None if percent is None else min(1.0, float(percent) / 100),
        memory_used_bytes=facts.ask(
            "memory_used_bytes", lambda: did.get("In use system memory") if vram is None else vram, _WHY
        ),
        memory_total_bytes=None if vram is None else vram + int(did.get("vramFreeBytes", 0)),
        unified=vram is None,
        missing=facts.missing,
    )


def _words(value: object) -> str:
    """Text, or bytes that end in zeros."""
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode(errors="replace")
    return str(value) if value else ""


def _ioreg() -> bytes:
    done = subprocess.run(COMMAND, capture_output=True, timeout=PATIENCE_S, check=True)
    return done.stdout
