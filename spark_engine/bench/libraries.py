"""The libraries that only the benchmark needs: their pins, and the sentence when one is missing."""

from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from spark_engine.errors import SparkError, Unavailable

PROJECT = "spark-local"
_DISTRIBUTIONS = {"llama_cpp": "llama-cpp-python"}


def distribution(module: str) -> str:
    """The name under which pip installs a module."""
    return _DISTRIBUTIONS.get(module) or module.replace("_", "-")


def pinned(modules: Iterable[str]) -> list[str]:
    """What pip installs for these modules, as `name==version` where the project pins it."""
    return [_pins().get(canonicalize_name(name), name) for name in map(distribution, modules)]


def missing_for(purpose: str, modules: list[str], python: str) -> SparkError:
    """The refusal to do something without these libraries."""
    wanted = pinned(modules)
    return Unavailable(
        "library_missing",
        "A library is missing",
        f"To {purpose}, {_listed([distribution(m) for m in modules])} must be installed.",
        f"Run: {python} -m pip install {' '.join(wanted)}",
    )


def _pins() -> dict[str, str]:
    """The project's pins by canonical name."""
    found: dict[str, str] = {}
    for text in metadata.requires(PROJECT) or ():
        requirement = Requirement(text)
        if requirement.specifier and not requirement.url:
            found[canonicalize_name(requirement.name)] = f"{requirement.name}{requirement.specifier}"
    return found


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
