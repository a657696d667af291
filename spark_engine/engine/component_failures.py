"""Says in one sentence why a component could not be installed or does not work, with the remedy."""

import re
from collections.abc import Iterator

from spark_engine.engine.component_list import Component
from spark_engine.types.components import Broken

NO_NETWORK, NO_SPACE, NO_COMPILER, NO_BUILD_HERE = "no_network", "no_disk_space", "no_compiler", "no_wheel"
SETTLED = frozenset({NO_NETWORK, NO_SPACE, NO_COMPILER, NO_BUILD_HERE})  # another flavour would not help

_NETWORK_SIGNS = re.compile(
    r"connection broken|NewConnectionError|NameResolutionError|name resolution|Max retries exceeded|"
    r"ProxyError|ConnectTimeout|ReadTimeout|Connection refused|Network is unreachable|"
    r"Failed to establish a new connection|getaddrinfo failed|SSLError|Connection timed out",
    re.IGNORECASE,
)
_SPACE_SIGNS = re.compile(
    r"No space left on device|\[Errno 28\]|not enough space on the disk|Disk quota exceeded"
)
_COMPILER_SIGNS = re.compile(
    r"CMAKE_C(XX)?_COMPILER not set|No CMAKE_C(XX)?_COMPILER could be found|"
    r"C(XX)? compiler .* is not able to compile"
)
_NONE_FITS = re.compile(r"No matching distribution found for (\S+)")


def pip_failure(component: Component, output: str) -> Broken:
    """Why pip failed, from the end of its output."""
    if _SPACE_SIGNS.search(output):
        return no_space(component, output)
    if _NETWORK_SIGNS.search(output):
        return Broken(
            NO_NETWORK,
            "The package index cannot be reached",
            f"{component.name} could not be downloaded: pip got no connection.",
            "Check the network and pip's proxy settings (`pip config list`), then install again.",
            evidence(output),
        )
    if _COMPILER_SIGNS.search(output):
        return no_compiler(component, output)
    if match := _NONE_FITS.search(output):
        return Broken(
            NO_BUILD_HERE,
            f"No build of {component.name} for this machine",
            f"The package index offers no {match[1]} for this Python, system and processor.",
            "Use Python 3.11 to 3.13, 64 bit, or models of another format.",
            evidence(output),
        )
    return Broken(
        "install_failed",
        f"{component.name} could not be installed",
        f"pip ended with an error{_its_error(output)}.",
        "Read the evidence; once the cause is gone, install again.",
        evidence(output),
    )


def no_space(component: Component, output: str = "") -> Broken:
    """The disk is full or about to be."""
    return Broken(
        NO_SPACE,
        "Not enough disk space",
        f"Installing {component.name} needs about {component.disk_bytes / 1e9:.1f} GB, partly for a while only.",
        "Free some space, then install again.",
        evidence(output),
    )


def no_compiler(component: Component, output: str = "") -> Broken:
    """The component is compiled for this processor, and nothing here can."""
    return Broken(
        NO_COMPILER,
        "No C++ compiler",
        f"{component.name} is compiled for this machine's processor, and no C++ compiler was found.",
        "Debian/Ubuntu: `apt-get install build-essential cmake`; macOS: `xcode-select --install`; "
        "Windows: install Visual Studio Build Tools with “Desktop development with C++”.",
        evidence(output),
    )


def cuda_refused(component: Component, packages: int, size: int | None) -> Broken:
    """What pip would fetch here is the CUDA build, and nobody asked for it."""
    return Broken(
        "cuda_build",
        "This would download the CUDA build",
        f"The {component.name} that pip finds here brings {packages} NVIDIA CUDA libraries: "
        f"{f'{size / 1e9:.1f} GB' if size else 'several GB'} to download, and about twice that on disk.",
        "For the CPU build set pip up for PyTorch's CPU packages, as PyTorch's install page says, and install "
        "again; to take CUDA, run `python3 installer/bootstrap.py run --all --torch cuda`.",
    )


def self_test_failed(component: Component, how: str, output: str) -> Broken:
    """It is installed, but no model ran with it."""
    return Broken(
        "self_test_failed",
        f"{component.name} does not work here",
        f"It is installed, but the self-test with spark-nano failed: {how}.",
        "Install it again to build and test it anew; if that fails too, use models of another format.",
        evidence(output),
    )


def evidence(output: str) -> str:
    """The end of a program's output, short enough to show."""
    return "\n".join(output.splitlines()[-20:])[-2000:]


def _its_error(output: str) -> str:
    """pip's own last error line, as the rest of a sentence."""
    last = next(_errors(output), "")
    return f": {last}" if last else ""


def _errors(output: str) -> Iterator[str]:
    for line in reversed(output.splitlines()):
        if line.strip().lower().startswith("error: "):
            yield line.strip()[7:].rstrip(".")
