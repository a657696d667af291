"""Conversions in words: what a model can become, and how well what came of it agrees with its original."""

from app.headline import FORMATS
from spark_engine.types.components import ComponentEntry
from spark_engine.types.conversions import ConversionTarget, agreement_words
from spark_engine.types.models import VariantEntry
from spark_engine.types.quantities import size


def target_words(target: ConversionTarget) -> str:
    """`GGUF · Q4_K_M, about 2.3 GB`."""
    about = f", about {size(target.size_bytes)}" if target.size_bytes else ""
    here = " (here already)" if target.here else ""
    return f"{FORMATS[target.format]} · {target.quantization}{about}{here}"


def kind_words(id: str) -> str:
    """What a variant's id says of it: `GGUF · Q4_K_M`."""
    made, _, rest = id.partition(":")[2].partition("-")
    known = {str(format): word for format, word in FORMATS.items()}
    return " · ".join(
        part for part in (known.get(made, made), rest.upper() if made == "gguf" else rest) if part
    )


def missing_words(missing: list[ComponentEntry]) -> str:
    """Which components a conversion needs that are not installed; empty when none is missing."""
    if not missing:
        return ""
    names = " and ".join(f"“{c.name}”" for c in missing)
    fetched = sum(c.download_bytes for c in missing)
    room = f" ({size(fetched)} to download)" if fetched else ""
    return f"It needs the {counted_word(len(missing))} {names}, not installed yet{room}."


def counted_word(count: int) -> str:
    """`component` or `components`."""
    return "component" if count == 1 else "components"


def agreement_badge(variant: VariantEntry) -> str:
    """How well a converted variant agrees with its original, in a few words; empty for any other."""
    if not variant.made_from:
        return ""
    origin = kind_words(variant.made_from)
    if variant.agreement is None:
        return f"made from {origin}, not compared"
    return f"agrees {percent(variant.agreement.same_best)} with {origin}"


def agreement_detail(variant: VariantEntry) -> str:
    """The figures behind it, in a sentence."""
    return f"Spark made it from {variant.made_from}. {agreement_words(variant.agreement)}"


def percent(share: float) -> str:
    """A share 0..1 that is only 100 % where nothing differs."""
    shown = min(share, 0.999) if share < 1 else share
    return f"{shown:.1%}" if shown < 1 else "100%"
