"""A lock on an open file that the operating system gives back when its process ends, however it ends."""

import os
import sys

LOCKED_BYTE = 1 << 20
"""Where Windows locks: beyond the text, which stays readable for others."""


def lock(handle: int) -> None:
    """Lock the open file or raise OSError at once when another process has it. Closing the file gives it back."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
