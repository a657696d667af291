"""Spark's own Python environment: `.venv` beside the sources, with the exact libraries of `pyproject.toml`."""

import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from installer.child import ROOT, stream
from installer.console import Console, SetupError
from spark_engine.engine import pip_signs
from spark_engine.engine.pip_progress import PipProgress

VENV = ROOT / ".venv"
STAMP = VENV / "spark-setup.json"
COMPILED = Path("spark_engine", "backends", "kernels")
LEAST_ADVANCE = 0.02
_PIP_SETTINGS = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONUNBUFFERED": "1"}
_MB = 1_000_000
# What a role's libraries fetch and occupy, rounded up.
_DOWNLOAD_BYTES = {"gui": 110 * _MB, "onnx": 50 * _MB, "dev": 60 * _MB}
_DISK_BYTES = {"gui": 350 * _MB, "onnx": 250 * _MB, "dev": 250 * _MB}


def python() -> Path:
    """The environment's interpreter."""
    return program("python")


def program(name: str) -> Path:
    """A program of the environment, as `pytest`."""
    return VENV / ("Scripts" if os.name == "nt" else "bin") / (name + (".exe" if os.name == "nt" else ""))


def prepare(extras: Iterable[str], console: Console) -> None:
    """Make the environment and install the libraries of these roles, unless exactly that was done before."""
    wanted = set(extras)
    if not _is_made():
        with console.step(f"Making Spark's Python environment in {VENV}"):
            _make(console)
    done = _stamped()
    if wanted <= done:
        return
    with console.step(f"Installing Spark's libraries ({', '.join(sorted(wanted))})"):
        _install(sorted(wanted | done), wanted - done, console)
        STAMP.write_text(json.dumps({"digest": _digest(), "extras": sorted(wanted | done)}), encoding="utf-8")


def _is_made() -> bool:
    """Whether interpreter and pip are there; an attempt that was cut short counts as none."""
    folders = (VENV / "Lib" / "site-packages", *VENV.glob("lib/python*/site-packages"))
    return python().exists() and any((folder / "pip").is_dir() for folder in folders)


def _stamped() -> set[str]:
    """The roles whose libraries are installed as `pyproject.toml` wants them now."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return set(stamp["extras"]) if stamp["digest"] == _digest() else set()
    except (OSError, ValueError, KeyError):
        return set()


def _digest() -> str:
    """Of all that decides what is installed: the pins, the interpreter, where the sources lie, and what is compiled."""
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes())
    digest.update((VENV / "pyvenv.cfg").read_bytes())
    digest.update(str(ROOT).encode())
    for source in sorted((ROOT / COMPILED).glob("*")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _make(console: Console) -> None:
    """A fresh environment with pip: Python's own way, else with the pip of the Python that runs this."""
    if importlib.util.find_spec("venv") is None:
        raise _no_venv()
    bundled = importlib.util.find_spec("ensurepip") is not None
    if not bundled and importlib.util.find_spec("pip") is None:
        raise _no_venv()
    _run(
        [sys.executable, "-m", "venv", "--clear", *([] if bundled else ["--without-pip"]), str(VENV)], console
    )
    if not bundled:
        console.say("  this Python lacks ensurepip; its own pip is used")
        _run([sys.executable, "-m", "pip", "--python", str(python()), "install", "pip"], console)


def _no_venv() -> SetupError:
    return SetupError(
        "This Python cannot make virtual environments: its venv or ensurepip module is missing.",
        f"Debian/Ubuntu: `apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv`; elsewhere "
        "install a complete Python, for example from python.org.",
    )


def _install(extras: Sequence[str], new: set[str], console: Console) -> None:
    _check_space(sum(_DISK_BYTES[e] for e in new))
    progress = PipProgress(sum(_DOWNLOAD_BYTES[e] for e in new), builds=False)
    shown = -1.0

    def on_line(line: str) -> None:
        nonlocal shown
        if progress.feed(line):
            minor = progress.fraction - shown < LEAST_ADVANCE
            shown = shown if minor else progress.fraction
            console.going_on(f"{progress.fraction:4.0%} {progress.step}", minor=minor)

    command = [str(python()), "-m", "pip", "install", "--editable", f"{ROOT}[{','.join(extras)}]"]
    _run(command, console, on_line)


def _check_space(needed: int) -> None:
    free = shutil.disk_usage(ROOT).free
    if free < needed:
        raise _no_space(f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free")


def _no_space(detail: str, evidence: str = "") -> SetupError:
    return SetupError(
        f"There is not enough disk space at {ROOT}: {detail}.",
        "Free some space, then run this again.",
        evidence,
    )


def _run(command: Sequence[str], console: Console, on_line: Callable[[str], None] | None = None) -> None:
    """Run a set-up command; what it prints goes to `on_line`. SetupError when it fails."""
    listener = on_line or (lambda line: console.going_on(line.strip(), minor=True))
    status, output = stream(command, listener, _PIP_SETTINGS)
    if status != 0:
        raise _failure(output)


def _failure(output: str) -> SetupError:
    evidence = pip_signs.last_lines(output)
    match pip_signs.cause(output):
        case pip_signs.NO_SPACE:
            return _no_space("writing failed", evidence)
        case pip_signs.NO_NETWORK:
            return SetupError(
                "The package index cannot be reached.",
                "Check the network and pip's proxy settings (`python3 -m pip config list`), then run this again.",
                evidence,
            )
        case pip_signs.NO_WHEEL:
            return SetupError(
                pip_signs.none_fits(output),
                "Check the network and pip's settings (`python3 -m pip config list`), and use a 64-bit Python "
                "3.11 to 3.13; then run this again.",
                evidence,
            )
        case _:
            return SetupError(
                f"Setting up failed: {pip_signs.last_error(output) or 'the command ended with an error'}.",
                "The lines above show how; once the cause is gone, run this again.",
                evidence,
            )
