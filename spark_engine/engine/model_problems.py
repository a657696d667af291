"""Problems of models: their components, files, runners and downloads."""

from collections.abc import Iterator

from spark_engine.engine.health_signs import Case, Signs
from spark_engine.types.components import Broken
from spark_engine.types.downloads import DownloadFailed
from spark_engine.types.health import Repair
from spark_engine.types.models import LoadFailed, Loading, Restarting, VariantEntry
from spark_engine.types.state import find_variant

ROOM = ("disk_full", "folder_unwritable")
NOTHING = "Spark has nothing to answer with."


def broken_components(signs: Signs) -> Iterator[Case]:
    """Optional components that do not work."""
    yield from _broken(signs, optional=True)


def broken_basics(signs: Signs) -> Iterator[Case]:
    """Components Spark cannot do without that do not work."""
    yield from _broken(signs, optional=False)


def _broken(signs: Signs, *, optional: bool) -> Iterator[Case]:
    for entry in signs.state.components.values():
        if isinstance(entry.status, Broken) and entry.optional == optional:
            broken = entry.status
            repair = Repair("Install again", "install", entry.id) if optional else None
            yield Case(broken.title, broken.message, broken.remedy, repair, entry.id)


def no_model(signs: Signs) -> Iterator[Case]:
    """There is nothing to answer with."""
    if not signs.state.default_model:
        repair = Repair("Open Models", "open_page", "models")
        yield Case("No model is installed", NOTHING, "Open Models and download one.", repair)


def untrusted(signs: Signs) -> Iterator[Case]:
    """Files that are not what they should be."""
    found = [v.id for v in _variants(signs) if v.rejected]
    if found:
        names = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        title = "A model is not used" if len(found) == 1 else f"{len(found)} models are not used"
        repair = Repair("Open Models", "open_page", "models")
        yield Case(title, f"{names}: their files are not what they should be.", "See Models for why.", repair)


def loading(signs: Signs) -> Iterator[Case]:
    """The default model is on its way."""
    variant = _default(signs)
    if variant is not None and isinstance(variant.status, Loading):
        part = f"runner:{variant.id}"
        yield Case(f"{variant.id} is loading", variant.status.step, "Wait a moment.", part=part)


def restarting(signs: Signs) -> Iterator[Case]:
    """The default model's runner ended and comes again."""
    variant = _default(signs)
    if variant is not None and isinstance(variant.status, Restarting):
        yield Case(
            f"{variant.id} is restarting",
            variant.status.reason,
            "Wait a moment.",
            part=f"runner:{variant.id}",
            causes=_causes(variant),
        )


def default_failed(signs: Signs) -> Iterator[Case]:
    """The default model cannot run."""
    variant = _default(signs)
    if variant is not None and isinstance(variant.status, LoadFailed):
        yield _failed(variant, variant.status, "")


def others_failed(signs: Signs) -> Iterator[Case]:
    """Another model cannot run."""
    default = _default(signs)
    for variant in _variants(signs):
        if isinstance(variant.status, LoadFailed) and (default is None or variant.id != default.id):
            yield _failed(variant, variant.status, variant.id)


def others_restarting(signs: Signs) -> Iterator[Case]:
    """Another model's runner ended and comes again."""
    default = _default(signs)
    for variant in _variants(signs):
        if isinstance(variant.status, Restarting) and (default is None or variant.id != default.id):
            part = f"runner:{variant.id}"
            title, causes = f"{variant.id} is restarting", _causes(variant)
            yield Case(
                title, variant.status.reason, "Wait a moment.", about=variant.id, part=part, causes=causes
            )


def failed_downloads(signs: Signs) -> Iterator[Case]:
    """Downloads that cannot go on by themselves."""
    for id, download in signs.state.downloads.items():
        if isinstance(download.status, DownloadFailed):
            status, repair = download.status, Repair("Try again", "resume_download", id)
            causes = ROOM if status.code == "disk_full" else ()
            yield Case(f"{id} was not downloaded", status.message, status.remedy, repair, id, causes=causes)


def _variants(signs: Signs) -> list[VariantEntry]:
    return [v for m in signs.state.models.values() for v in m.variants]


def _default(signs: Signs) -> VariantEntry | None:
    return find_variant(signs.state, signs.state.default_model)


def _causes(variant: VariantEntry) -> tuple[str, ...]:
    """A component that is broken explains what befalls the models that need it."""
    return (f"component_broken:{variant.component or variant.format}",)


def _failed(variant: VariantEntry, status: LoadFailed, about: str) -> Case:
    short = ("memory_low",) if status.code == "not_enough_memory" else ()
    return Case(
        status.title,
        f"{variant.id}: {status.message}",
        status.remedy,
        Repair("Try again", "load", variant.id),
        about,
        f"runner:{variant.id}",
        (*short, *_causes(variant)),
    )
