"""Numbers as people say them, with units: the same words in window, command line and messages."""

_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size(count: float) -> str:
    """Bytes, decimal as disks are sold: `4.9 GB`, `37 MB`, `0 bytes`."""
    for unit, name in _SIZES:
        if count >= unit:
            value = count / unit
            return f"{value:.1f} {name}" if value < 9.95 else f"{value:.0f} {name}"
    return f"{count:.0f} bytes"


def speed(tokens_per_second: float) -> str:
    """How fast a model writes: `8.4 tok/s`, `120 tok/s`."""
    return f"{tokens_per_second:.1f} tok/s" if tokens_per_second < 99.95 else f"{tokens_per_second:.0f} tok/s"


def time_left(seconds: float) -> str:
    """How long something still takes, no more exact than it is known: `a few seconds`, `about 40 s`, `about 6 min`."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds / 5) * 5} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {seconds / 3600:.0f} h"


def amount(done: float, total: float) -> str:
    """How much of something is there: `1.2 of 4.9 GB`, `310 MB of 4.9 GB`."""
    so_far, whole = size(done), size(total)
    number, _, unit = so_far.partition(" ")
    return f"{number if unit == whole.partition(' ')[2] else so_far} of {whole}"
