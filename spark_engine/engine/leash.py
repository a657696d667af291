"""Runs a command and ends it, with all it started, as soon as this process's stdin closes.

So that a compilation does not outlive the engine that ordered it, however the engine ended.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from types import FrameType

GRACE_S = 3.0


def main(command: list[str]) -> int:
    """Run `command`; its exit status, or 128 + the signal that ended it."""
    signal.signal(signal.SIGTERM, _stop)
    own_group = 0x00000200 if sys.platform == "win32" else 0  # CREATE_NEW_PROCESS_GROUP
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=os.name == "posix", creationflags=own_group
    )
    threading.Thread(target=_watch_stdin, args=(child,), daemon=True).start()
    try:
        code = child.wait()
    finally:
        end_tree(child)
    return 128 - code if code < 0 else code


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _watch_stdin(child: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 4096):
        pass
    end_tree(child)


def end_tree(child: "subprocess.Popen[bytes]") -> None:
    """End a child and everything it started: ask first, then insist."""
    if sys.platform == "win32":
        if child.poll() is None:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(child.pid)], capture_output=True, check=False)
        return
    if child.poll() is None:
        _signal_group(child.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
    _signal_group(child.pid, signal.SIGKILL)


def _signal_group(leader: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left in it
        os.killpg(leader, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
