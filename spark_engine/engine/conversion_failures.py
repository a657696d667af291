"""Says why a conversion cannot begin or came to nothing, with the remedy."""

from collections.abc import Sequence

from spark_engine.catalog.convert.needs import Needs
from spark_engine.catalog.convert.targets import targets_of
from spark_engine.errors import Conflict, InvalidRequest, NotFound, Unavailable
from spark_engine.types.conversions import ConversionFailed
from spark_engine.types.models import VariantEntry


def not_found(id: str) -> NotFound:
    """No conversion makes this variant."""
    return NotFound("conversion_not_found", "No such conversion", f"No conversion makes {id[:100]!r}.")


def not_running(id: str) -> Conflict:
    """There is nothing to cancel."""
    return Conflict(
        "conversion_not_running", "Nothing is being converted", f"The conversion to {id} is over."
    )


def still_running(id: str) -> Conflict:
    """The row of a conversion that runs cannot be put away, and it cannot begin twice."""
    return Conflict(
        "conversion_running",
        "It is being converted already",
        f"The conversion to {id} is running.",
        "Wait for its end, or cancel it.",
    )


def exists(id: str) -> Conflict:
    """The variant is in the library."""
    return Conflict(
        "conversion_target_exists",
        "This variant is here already",
        f"{id} is in the library.",
        "Use it, or remove it before making it anew.",
    )


def not_installed(source: VariantEntry) -> Conflict:
    """There are no files to convert, or none that are trusted."""
    if source.rejected:
        return Conflict("source_rejected", "Its files are not trusted", f"{source.id}: {source.rejected}")
    return Conflict(
        "source_not_installed",
        "The model is not on this machine",
        f"The files of {source.id} are not here.",
        f"Download it first: `spark models pull {source.id}`.",
    )


def no_generator(source: VariantEntry) -> InvalidRequest:
    """Only models that write text are converted."""
    return InvalidRequest(
        "not_convertible",
        "This model cannot be converted",
        f"{source.id} is made for embedding or ranking; Spark converts models that write text.",
        param="source",
    )


def unknown_target(source: VariantEntry, wanted: str) -> InvalidRequest:
    """The format cannot be made, or not from this one."""
    possible = [f"{t.format} {t.quantization}" for t in targets_of(source.format, source.quantization)]
    what = (
        f"It can become: {', '.join(possible)}."
        if possible
        else "Convert its SafeTensors or PyTorch variant."
    )
    return InvalidRequest(
        "unknown_target",
        "This cannot be made of it",
        f"{source.id} ({source.format}) cannot become {wanted[:60]}.",
        what,
        param="target",
    )


def packaged() -> Conflict:
    """The libraries for conversions are not inside a packaged Spark."""
    return Conflict(
        "conversion_fixed",
        "Models cannot be converted here",
        "This packaged Spark carries no libraries for converting models.",
        "Run Spark from its source folder, or download the model in the wanted format.",
    )


def components_missing(missing: Sequence[str]) -> Unavailable:
    """Libraries are missing; the one command that brings them."""
    command = " && ".join(f"spark backends install {component}" for component in missing)
    named = " and ".join(missing)
    return Unavailable(
        "component_missing",
        "A component is missing",
        f"This conversion needs {'the component' if len(missing) == 1 else 'the components'} {named}.",
        f"Run `{command}`.",
    )


def no_memory(needs: Needs, free: int) -> Conflict:
    """The converter would need more memory than is free."""
    return Conflict(
        "not_enough_memory",
        "Not enough memory",
        f"This conversion takes about {_gigabytes(needs.memory_bytes)} of memory; {_gigabytes(free)} are free.",
        "Unload models, close other programs, or convert to GGUF, which takes far less.",
    )


def no_space(needs: Needs, free: int) -> Conflict:
    """The files would not fit on the disk."""
    return Conflict(
        "no_space",
        "Not enough disk space",
        f"This conversion takes about {_gigabytes(needs.disk_bytes)}, partly for a while only; "
        f"{_gigabytes(free)} are free.",
        "Free some space, then convert again.",
    )


def crashed(how: str, evidence: str) -> ConversionFailed:
    """The converting process ended without saying why."""
    likely = ", most likely because the memory ran out" if "SIGKILL" in how else ""
    return ConversionFailed(
        "conversion_crashed",
        "The converter crashed",
        f"Its process said nothing of an end ({how}{likely}).",
        "The evidence shows its last lines. With more free memory, or into another format, it may work.",
        evidence,
    )


def broken(error: BaseException) -> ConversionFailed:
    """Something nobody foresaw, as a process that could not be started."""
    return ConversionFailed(
        "conversion_failed",
        "The conversion failed",
        f"{type(error).__name__}: {error}.",
        "Check the disk and the permissions of Spark's folder, then convert again.",
    )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
