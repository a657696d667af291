"""How llama.cpp is built for this machine: flavours, fastest first, and where their wheels are kept.

A plain build lets the compiler take everything it finds in the processor; such builds crashed (AMX). So each
flavour names its instruction sets, from what the processor has. pip keys the wheels it keeps by download
address
alone, not by build options, so Spark keeps its own, keyed by flavour.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from platformdirs import user_cache_path

from spark_engine.hardware.cpu_features import ARM64, X86_64

_ALWAYS = ("-DGGML_NATIVE=OFF", "-DLLAVA_BUILD=OFF")
_AMX_OFF = ("-DGGML_AMX_TILE=OFF", "-DGGML_AMX_INT8=OFF", "-DGGML_AMX_BF16=OFF")
_AVX512F = ("avx512f", "avx512cd", "avx512vl", "avx512dq", "avx512bw")
_X86_OPTIONS: dict[str, tuple[str, ...]] = {
    "SSE42": ("sse4_2",),
    "AVX": ("avx",),
    "F16C": ("f16c",),
    "FMA": ("fma",),
    "BMI2": ("bmi2",),
    "AVX2": ("avx2",),
    "AVX_VNNI": ("avx_vnni",),
    "AVX512": _AVX512F,
    "AVX512_VBMI": (*_AVX512F, "avx512vbmi"),
    "AVX512_VNNI": (*_AVX512F, "avx512_vnni"),
    "AVX512_BF16": (*_AVX512F, "avx512_bf16"),
}
_X86_LEVELS: tuple[tuple[str, ...], ...] = (
    tuple(_X86_OPTIONS),
    ("SSE42", "AVX", "F16C", "FMA", "BMI2", "AVX2"),
    (),
)
_ARM_PARTS = {"dotprod": "asimddp", "fp16": "asimdhp", "i8mm": "i8mm"}


class Flavour(Struct, frozen=True):
    """One way to build llama.cpp: a name for people and CMake's options."""

    name: str
    options: tuple[str, ...]


def flavours(machine: str, features: frozenset[str]) -> list[Flavour]:
    """The builds to try on a processor with these instruction sets, the fastest first. Pure."""
    if machine == X86_64:
        found = list(_x86(features))
    elif machine == ARM64:
        found = list(_arm(features))
    else:
        found = [Flavour("baseline", _ALWAYS)]
    return list({f.options: f for f in reversed(found)}.values())[::-1]


def _x86(features: frozenset[str]) -> Iterator[Flavour]:
    for level in _X86_LEVELS:
        on = {o for o in level if features.issuperset(_X86_OPTIONS[o])}
        switches = tuple(f"-DGGML_{o}={'ON' if o in on else 'OFF'}" for o in _X86_OPTIONS)
        name = next((o.lower() for o in ("AVX512", "AVX2") if o in on), "baseline")
        yield Flavour(name, (*_ALWAYS, *_AMX_OFF, *switches))


def _arm(features: frozenset[str]) -> Iterator[Flavour]:
    parts = [part for part, feature in _ARM_PARTS.items() if feature in features]
    if parts:
        yield Flavour(
            "+".join(("armv8.2", *parts)), (*_ALWAYS, f"-DGGML_CPU_ARM_ARCH=armv8.2-a+{'+'.join(parts)}")
        )
    yield Flavour("baseline", (*_ALWAYS, "-DGGML_CPU_ARM_ARCH=armv8-a", "-DGGML_METAL=OFF"))


def wheel_cache() -> Path:
    """Where built wheels are kept for every base directory of this user."""
    return user_cache_path("spark", appauthor=False) / "wheels"


def wheel_folder(cache: Path, pin: str, flavour: Flavour) -> Path:
    """The folder of the wheel built from `pin` with this flavour on such a system."""
    system = (sys.platform, platform.machine(), *platform.libc_ver())
    key = hashlib.sha256("\n".join((*system, *flavour.options)).encode()).hexdigest()[:12]
    return cache / f"{pin.replace('==', '-')}-{flavour.name}-{key}"


def kept_wheel(folder: Path) -> Path | None:
    """The wheel in a folder, if there is one."""
    return next(iter(sorted(folder.glob("*.whl"))), None)


def has_compiler() -> bool:
    """Whether CMake would find a C and a C++ compiler."""
    match sys.platform:
        case "win32":
            return shutil.which("cl") is not None or _visual_studio()
        case "darwin":  # /usr/bin/cc exists there without the tools behind it
            return subprocess.run(["xcode-select", "-p"], capture_output=True, check=False).returncode == 0
        case _:
            c = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
            cxx = os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), None)
            return c is not None and cxx is not None


def _visual_studio() -> bool:
    """Whether Visual Studio's installer knows of C++ tools."""
    folder = os.environ.get("ProgramFiles(x86)", r"C:\Program Files (x86)")  # noqa: SIM112 its real name
    where = Path(folder) / "Microsoft Visual Studio" / "Installer" / "vswhere.exe"
    if not where.is_file():
        return False
    tools = "Microsoft.VisualStudio.Component.VC.Tools.x86.x64"
    done = subprocess.run(
        [str(where), "-products", "*", "-requires", tools, "-property", "installationPath"],
        capture_output=True,
        text=True,
        check=False,
    )
    return bool(done.stdout.strip())
