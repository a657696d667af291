"""Whose files a model's are, in words: Spark's own, or those of another program that are read where they lie."""

from pathlib import Path

from spark_engine.types.models import VariantEntry, is_installed
from spark_engine.types.owners import SPARK, owner_name


def origin_words(variant: VariantEntry, models: Path) -> str:
    """Where the files came from, as in `from Ollama`; empty for files that are not here. `models`: Spark's folder."""
    if not is_installed(variant.status):
        return ""
    if variant.owner != SPARK:
        return f"from {owner_name(variant.owner)}"
    return "in Spark's folder" if is_removable(variant, models) else "comes with Spark"


def is_removable(variant: VariantEntry, models: Path) -> bool:
    """Whether the files are Spark's to delete: they lie in its folder of models."""
    return variant.owner == SPARK and variant.path is not None and Path(variant.path).is_relative_to(models)
