"""Backend components: the optional libraries behind a model format, and the state of each."""

from collections.abc import Iterable

from msgspec import Struct


class Missing(Struct, frozen=True, tag="missing"):
    """Not installed."""


class Installing(Struct, frozen=True, tag="installing"):
    """An installation runs in the background. `fraction` 0..1; `step` is a short phrase for people."""

    fraction: float
    step: str


class Removing(Struct, frozen=True, tag="removing"):
    """An uninstallation runs in the background."""


class Installed(Struct, frozen=True, tag="installed"):
    """Its files are there, but no model has run with it yet."""

    version: str


class Verified(Struct, frozen=True, tag="verified"):
    """A model ran with it in a child process; `build` says which flavour was built (may be empty)."""

    version: str
    build: str = ""


class Broken(Struct, frozen=True, tag="broken"):
    """It could not be installed or no model ran with it; the text fields are those of `errors.SparkError`."""

    code: str
    title: str
    message: str
    remedy: str = ""
    evidence: str = ""


ComponentStatus = Missing | Installing | Removing | Installed | Verified | Broken


class ComponentEntry(Struct, frozen=True):
    """One component: `onnx`, `gguf`, `torch`, `genai` or `convert`. `formats` are those that only it can run;
    `download_bytes` is a rounded estimate of what installing fetches.
    """

    id: str
    name: str
    formats: tuple[str, ...]
    optional: bool
    download_bytes: int
    status: ComponentStatus


def missing_for(components: Iterable[ComponentEntry], format: str) -> str | None:
    """The component that models of this format need and that is not installed; None when nothing is missing."""
    return next((c.id for c in components if format in c.formats and not is_usable(c)), None)


def is_usable(component: ComponentEntry) -> bool:
    """Whether it is installed."""
    return isinstance(component.status, Installed | Verified)
