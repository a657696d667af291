"""Why pip failed, told from its output. Standard library only: the installer reads it before anything is installed."""

import re

NO_NETWORK, NO_SPACE, NO_COMPILER, NO_WHEEL, OTHER = (
    "no_network",
    "no_disk_space",
    "no_compiler",
    "no_wheel",
    "install_failed",
)
_SIGNS = {
    NO_SPACE: r"No space left on device|\[Errno 28\]|not enough space on the disk|Disk quota exceeded",
    NO_NETWORK: r"connection broken|NewConnectionError|NameResolutionError|name resolution|Max retries exceeded|"
    r"ProxyError|ConnectTimeout|ReadTimeout|Connection refused|Network is unreachable|"
    r"Failed to establish a new connection|getaddrinfo failed|SSLError|Connection timed out",
    NO_COMPILER: r"CMAKE_C(XX)?_COMPILER not set|No CMAKE_C(XX)?_COMPILER could be found|"
    r"The C(XX)? compiler\b[^.]*is not able to compile",
    NO_WHEEL: r"No matching distribution found for",
}
_MISSING = re.compile(r"No matching distribution found for (\S+)")


def cause(output: str) -> str:
    """The kind of failure: one of the names above."""
    found = (kind for kind, sign in _SIGNS.items() if re.search(sign, output, re.IGNORECASE | re.DOTALL))
    return next(found, OTHER)


def none_fits(output: str) -> str:
    """The sentence for NO_WHEEL: which library pip does not find, and what that can mean."""
    match = _MISSING.search(output)
    pin = match[1] if match else "a library"
    if "(from versions: none)" in output:  # also what a silent pip says when it got no connection
        return f"pip finds no {pin}: its package index cannot be reached, or has none for this machine."
    return f"pip finds no {pin} for this Python, system and processor."


def last_error(output: str) -> str:
    """pip's own last error line, without the word; empty if it printed none."""
    lines = (line.strip() for line in reversed(output.splitlines()))
    return next((line[7:].rstrip(".") for line in lines if line.lower().startswith("error: ")), "")


def last_lines(output: str) -> str:
    """The end of the output, short enough to show."""
    return "\n".join(output.splitlines()[-20:])[-2000:]
