"""The backend components: what each is for, which pinned libraries it has, and what is installed of it."""

import hashlib
import importlib
from collections.abc import Iterable
from functools import cache
from importlib import metadata

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "spark-local"


class Component(Struct, frozen=True):
    """A component; its id is also the name of the project's extra that pins its libraries.

    `formats` are those that only it can run. `libraries` are the ones whose version stands for the whole,
    `download_bytes` and `disk_bytes` are rounded estimates of what installing fetches and occupies (with room
    for building).
    """

    id: str
    name: str
    formats: tuple[str, ...]
    libraries: tuple[str, ...]
    optional: bool
    download_bytes: int
    disk_bytes: int


class Installation(Struct, frozen=True):
    """What is installed: the main library's version, and a fingerprint that changes with any file of it."""

    version: str
    fingerprint: str


_MB = 1_000_000
COMPONENTS = (
    Component(
        "onnx",
        "ONNX Runtime",
        ("onnx",),
        ("onnxruntime", "onnxruntime-directml"),
        False,
        50 * _MB,
        300 * _MB,
    ),
    Component("gguf", "llama.cpp", ("gguf",), ("llama-cpp-python",), True, 80 * _MB, 900 * _MB),
    Component("torch", "PyTorch", ("safetensors", "pytorch"), ("torch",), True, 230 * _MB, 1_600 * _MB),
    # Another way to run ONNX models, on more devices: no format needs it.
    Component(
        "genai",
        "ONNX Runtime GenAI",
        (),
        ("onnxruntime-genai", "onnxruntime-genai-winml"),
        True,
        20 * _MB,
        100 * _MB,
    ),
    # Makes ONNX and GGUF files out of SafeTensors and PyTorch weights.
    Component("convert", "Model conversion", (), ("gguf",), True, 280 * _MB, 1_900 * _MB),
)


def pins(extra: str | None = None) -> list[Requirement]:
    """The project's pinned libraries that apply on this machine: of one extra, or the ones always needed."""
    return [r for found, r in _requirements() if found == extra]


def all_pins() -> list[Requirement]:
    """Every pin of every extra that applies here: what an installation must not move."""
    return [r for _, r in _requirements()]


def plain(requirement: Requirement) -> str:
    """A pin as pip takes it on its command line: `name==version`."""
    return f"{requirement.name}{requirement.specifier}"


def installation(component: Component) -> Installation | None:
    """What is installed of a component; None unless every library of it is there."""
    importlib.invalidate_caches()
    found = [_distribution(r.name) for r in pins(component.id)]
    present = [d for d in found if d is not None]
    if not found or len(present) < len(found):
        return None
    version = next(d.version for d in present if canonicalize_name(d.name) in component.libraries)
    return Installation(version, _fingerprint(present))


def is_pinned(component: Component) -> bool:
    """Whether exactly the pinned versions are installed."""
    return all(
        (d := _distribution(r.name)) is not None and r.specifier.contains(d.version, prereleases=True)
        for r in pins(component.id)
    )


def removable(component: Component) -> list[str]:
    """The distributions to uninstall with a component: its libraries, and what only they brought along."""
    mine = _closure(r.name for r in pins(component.id))
    installed_extras = [r for c in COMPONENTS if c.id != component.id and installation(c) for r in pins(c.id)]
    optional = {canonicalize_name(r.name) for c in COMPONENTS for r in pins(c.id)}
    others = [r.name for r in all_pins() if canonicalize_name(r.name) not in optional]
    foreign = [d.name for d in metadata.distributions() if d.name and canonicalize_name(d.name) not in mine]
    own = canonicalize_name(PROJECT)
    roots = [
        *others,
        *(r.name for r in installed_extras),
        *(n for n in foreign if canonicalize_name(n) != own),
    ]
    return sorted(mine - _closure(roots) - {"pip", "setuptools", "wheel", own})


@cache
def _requirements() -> tuple[tuple[str | None, Requirement], ...]:
    """The project's requirements that apply on this machine, each with its extra (None: always needed)."""
    extras = metadata.metadata(PROJECT).get_all("Provides-Extra") or []
    found = [(_extra_of(r, extras), r) for r in map(Requirement, metadata.requires(PROJECT) or ())]
    return tuple((e, r) for e, r in found if r.marker is None or r.marker.evaluate({"extra": e or ""}))


def _extra_of(requirement: Requirement, extras: Iterable[str]) -> str | None:
    marker = str(requirement.marker or "")
    return next((e for e in extras if f'extra == "{e}"' in marker), None)


def _distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _fingerprint(distributions: list[metadata.Distribution]) -> str:
    """Of the lists of files with their hashes that the installer wrote."""
    digest = hashlib.sha256()
    for found in distributions:
        digest.update(f"{found.name} {found.version}\n{found.read_text('RECORD')}\n".encode())
    return digest.hexdigest()[:16]


def _closure(names: Iterable[str]) -> set[str]:
    """The installed distributions among `names` and all that they need, by canonical name."""
    reached: set[str] = set()
    waiting = [canonicalize_name(n) for n in names]
    while waiting:
        name = waiting.pop()
        if name in reached or (found := _distribution(name)) is None:
            continue
        reached.add(name)
        needs = [Requirement(text) for text in found.requires or ()]
        waiting += [
            canonicalize_name(r.name) for r in needs if r.marker is None or r.marker.evaluate({"extra": ""})
        ]
    return reached
