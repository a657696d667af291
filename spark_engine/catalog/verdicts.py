"""How the library asks what an inspection said of a model's files, and what it takes from the answer."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from spark_engine.types.inspection import Inspection, Rejected, Verdict
from spark_engine.types.models import ModelFormat, VariantEntry

Verdicts = Callable[[str, Sequence[str]], Sequence[Verdict] | None]
"""The verdicts on the models at a path, whose links may lead into the folders that follow; None: not inspected yet."""


def no_verdict(path: str, roots: Sequence[str]) -> Sequence[Verdict] | None:
    """Nothing has been inspected."""
    return None


def verdict_on(
    path: str, model_format: ModelFormat, verdicts: Verdicts, roots: Sequence[str] = ()
) -> Verdict | None:
    """The verdict on the model of this format at `path`, else the first one there; a folder may hold a model twice."""
    found = verdicts(path, roots) or ()
    return next((v for v in found if v.format == model_format), found[0] if found else None)


def judged(variant: VariantEntry, verdict: Verdict | None) -> VariantEntry:
    """A variant with what its inspection says of it."""
    match verdict:
        case Rejected():
            return replace(variant, rejected=verdict.reason)
        case Inspection():
            return replace(
                variant,
                format=verdict.format,
                quantization=verdict.quantization or variant.quantization,
                size_bytes=verdict.size_bytes or variant.size_bytes,
                kind=verdict.kind,
            )
        case _:
            return variant
