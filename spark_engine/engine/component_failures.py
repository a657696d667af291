"""Says in one sentence why a component could not be installed or does not work, with the remedy."""

from spark_engine.engine import pip_signs
from spark_engine.engine.component_list import Component
from spark_engine.types.components import Broken

# Causes that another build of the same library would meet again.
SETTLED = frozenset(
    {pip_signs.NO_NETWORK, pip_signs.NO_SPACE, pip_signs.NO_COMPILER, pip_signs.NO_WHEEL, "no_test_model"}
)


def pip_failure(component: Component, output: str) -> Broken:
    """Why pip failed, from the end of its output."""
    match pip_signs.cause(output):
        case pip_signs.NO_SPACE:
            return no_space(component, output)
        case pip_signs.NO_COMPILER:
            return no_compiler(component, output)
        case pip_signs.NO_NETWORK:
            return _no_network(component, output)
        case pip_signs.NO_WHEEL:
            return _no_wheel(component, output)
        case _:
            return _other(component, output)


def no_space(component: Component, output: str = "") -> Broken:
    """The disk is full or about to be."""
    return Broken(
        pip_signs.NO_SPACE,
        "Not enough disk space",
        f"Installing {component.name} needs about {component.disk_bytes / 1e9:.1f} GB, partly for a while only.",
        "Free some space, then install again.",
        pip_signs.last_lines(output),
    )


def no_compiler(component: Component, output: str = "") -> Broken:
    """The component is compiled for this processor, and nothing here can."""
    return Broken(
        pip_signs.NO_COMPILER,
        "No C++ compiler",
        f"{component.name} is compiled for this machine's processor, and no C++ compiler was found.",
        "Debian/Ubuntu: `apt-get install build-essential cmake`; macOS: `xcode-select --install`; "
        "Windows: install Visual Studio Build Tools with “Desktop development with C++”. Then install again.",
        pip_signs.last_lines(output),
    )


def cuda_refused(component: Component, packages: int, size: int | None) -> Broken:
    """What pip would fetch here is the CUDA build, and nobody asked for it."""
    return Broken(
        "cuda_build",
        "This would download the CUDA build",
        f"The {component.name} that pip finds here brings {packages} NVIDIA CUDA libraries: "
        f"{f'{size / 1e9:.1f} GB' if size else 'several GB'} to download, and about twice that on disk.",
        "For the CPU build set pip up for PyTorch's CPU packages, as PyTorch's install page says, and install "
        "again; to take CUDA, run `python3 installer/bootstrap.py run --all --torch cuda` (or `test --torch cuda`).",
    )


def self_test_failed(component: Component, how: str, output: str) -> Broken:
    """It is installed, but no model ran with it."""
    return Broken(
        "self_test_failed",
        f"{component.name} does not work here",
        f"It is installed, but the self-test with spark-nano failed: {how}.",
        "Install it again to set it up and test it anew; if that fails too, use models of another format.",
        pip_signs.last_lines(output),
    )


def no_test_model(component: Component, output: str) -> Broken:
    """The model to test with does not lie where it should."""
    return Broken(
        "no_test_model",
        f"{component.name} could not be tested",
        "It is installed, but spark-nano, the model to test it with, is not in Spark's resources folder.",
        "Get a complete copy of Spark, then install again.",
        pip_signs.last_lines(output),
    )


def _no_network(component: Component, output: str) -> Broken:
    return Broken(
        pip_signs.NO_NETWORK,
        "The package index cannot be reached",
        f"{component.name} could not be downloaded: pip got no connection.",
        "Check the network and pip's proxy settings (`pip config list`), then install again.",
        pip_signs.last_lines(output),
    )


def _no_wheel(component: Component, output: str) -> Broken:
    return Broken(
        pip_signs.NO_WHEEL,
        f"No build of {component.name} for this machine",
        pip_signs.none_fits(output),
        "Check the network; use a 64-bit Python 3.11 to 3.13; or use models of another format.",
        pip_signs.last_lines(output),
    )


def _other(component: Component, output: str) -> Broken:
    error = pip_signs.last_error(output)
    return Broken(
        pip_signs.OTHER,
        f"{component.name} could not be installed",
        f"pip ended with an error{f': {error}' if error else ''}.",
        "The evidence shows its last lines; once the cause is gone, install again.",
        pip_signs.last_lines(output),
    )
