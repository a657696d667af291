"""Which instruction sets this machine's processor really has, as far as code compiled for it may use them."""

import ctypes
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

X86_64, ARM64 = "x86_64", "arm64"
_WINDOWS_FEATURES = {
    "sse4_2": 38,
    "avx": 39,
    "avx2": 40,
    "avx512f": 41,
}  # PF_…_INSTRUCTIONS_AVAILABLE of IsProcessorFeaturePresent
# Windows reports these only together with the set in front; every processor that has it has them.
_IMPLIED = {"avx2": ("fma", "f16c", "bmi2"), "avx512f": ("avx512cd", "avx512vl", "avx512dq", "avx512bw")}
_ARM_NAMES = {"dotprod": "asimddp", "fp16": "asimdhp", "i8mm": "i8mm"}


def machine() -> str:
    """`x86_64`, `arm64`, or what the system calls something else."""
    name = platform.machine().lower()
    return {"amd64": X86_64, "aarch64": ARM64}.get(name, name)


def cpu_features() -> frozenset[str]:
    """Instruction sets by Linux' names (`avx2`, `asimddp`); empty when the system does not tell."""
    try:
        match sys.platform:
            case "linux":
                return parse_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
            case "darwin":
                return _macos()
            case "win32":
                return _windows()
            case _:
                return frozenset()
    except (OSError, subprocess.SubprocessError):
        return frozenset()


def parse_cpuinfo(text: str) -> frozenset[str]:
    """What every processor in `/proc/cpuinfo` has."""
    lines = [line.partition(":") for line in text.splitlines()]
    sets = [frozenset(value.split()) for key, _, value in lines if key.strip() in ("flags", "Features")]
    return frozenset.intersection(*sets) if sets else frozenset()


def parse_sysctl(text: str) -> frozenset[str]:
    """What macOS' `sysctl hw.optional` tells, under Linux' names."""
    on = {line.partition(":")[0].lower() for line in text.splitlines() if line.rstrip().endswith(": 1")}
    arm = {linux for name, linux in _ARM_NAMES.items() if f"hw.optional.arm.feat_{name}" in on}
    x86 = {name.removeprefix("hw.optional.") for name in on if name.startswith("hw.optional.avx")}
    renamed = {"avx1_0": "avx", "avx2_0": "avx2"}
    return with_implied({renamed.get(name, name) for name in x86} | arm)


def with_implied(features: Iterable[str]) -> frozenset[str]:
    """`features` and what they always come with."""
    found = set(features)
    for feature in tuple(found):
        found.update(_IMPLIED.get(feature, ()))
    return frozenset(found)


def _macos() -> frozenset[str]:
    done = subprocess.run(["sysctl", "hw.optional"], capture_output=True, text=True, timeout=10, check=True)
    return parse_sysctl(done.stdout)


def _windows() -> frozenset[str]:
    present = getattr(ctypes, "windll").kernel32  # noqa: B009 exists on Windows only.IsProcessorFeaturePresent
    return with_implied(name for name, number in _WINDOWS_FEATURES.items() if present(number))
