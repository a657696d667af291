"""Runs the benchmark's own program beside the command, shows how it comes along, and ends it for certain."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from spark_engine.cli.progress import progress_bar
from spark_engine.cli.terminal import Terminal
from spark_engine.errors import SparkError, Unavailable
from spark_engine.types.bench import Done, Plan, Refused, Report, Said, Step

END_S = 25.0
_said: msgspec.json.Decoder[Said] = msgspec.json.Decoder(Said)


def run_plan(plan: Plan, terminal: Terminal, title: str) -> Report:
    """The report of a run. SparkError when the run was refused or broke; Ctrl+C ends everything it started."""
    process = _start()
    try:
        _order(process, plan)
        with progress_bar(terminal, title) as bar:
            for said in _events(process):
                match said:
                    case Step(fraction, text):
                        bar.show(fraction, text)
                    case Refused(code, message_title, message, remedy):
                        raise SparkError(code, message_title, message, remedy)
                    case Done(report):
                        return report
        raise _broken(process.wait())
    finally:
        _end(process)


def _start() -> "subprocess.Popen[bytes]":
    """The program is named, not imported: the command line stands below it."""
    return subprocess.Popen(
        [sys.executable, "-m", "spark_engine.bench"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl+C is for this command; the program ends with its stdin.
        start_new_session=sys.platform != "win32",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _order(process: "subprocess.Popen[bytes]", plan: Plan) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it has ended already; its silence tells
        process.stdin.write(msgspec.json.encode(plan) + b"\n")
        process.stdin.flush()


def _events(process: "subprocess.Popen[bytes]") -> Iterator[Said]:
    assert process.stdout is not None
    for line in process.stdout:
        yield _said.decode(line)


def _end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _broken(status: int) -> SparkError:
    return Unavailable(
        "bench_ended",
        "The benchmark broke off",
        f"Its program ended with status {status}.",
        "What it said stands above; try again with fewer contestants.",
    )
