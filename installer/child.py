"""Runs the commands of the set-up without asking anything, line by line."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def stream(
    command: Sequence[str], on_line: Callable[[str], None], env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a command in the project's folder, every line of its output going to `on_line`; its status and output."""
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | (env or {}),
        cwd=ROOT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            on_line(lines[-1])
    return process.returncode, "\n".join(lines)


def call(command: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Run a command in the project's folder with our own output; its exit status."""
    everything = os.environ | (env or {})
    return subprocess.run(command, cwd=ROOT, env=everything, stdin=subprocess.DEVNULL, check=False).returncode
