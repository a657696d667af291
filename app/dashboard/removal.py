"""What removing a variant would do, in words: Spark's own files are deleted, another program's are only forgotten."""

from pathlib import Path

from msgspec import Struct

from app.headline import variant_words
from app.origins import is_removable
from spark_engine.types.models import Unloaded, VariantEntry, is_installed
from spark_engine.types.owners import SPARK, owner_name
from spark_engine.types.quantities import size


class Removal(Struct, frozen=True):
    """The menu's words, the question, and the words of the button. `forgets`: the files stay with their owner."""

    words: str
    question: str
    button: str
    forgets: bool = False


def removal(variant: VariantEntry, model_name: str, models: Path) -> Removal | None:
    """None for what is not here and for what comes with Spark. `models`: Spark's folder of models."""
    if not is_installed(variant.status):
        return None
    name = f"{model_name}, {variant_words(variant)}"
    first = "" if isinstance(variant.status, Unloaded) else " It is unloaded first."
    if is_removable(variant, models):
        freed = size(variant.size_bytes) if variant.size_bytes else "its files"
        room = f" {freed} come free." if variant.size_bytes else ""
        again = " It can be downloaded again." if variant.repository else ""
        return Removal("Remove…", f"Delete {name} from this disk?{room}{again}{first}", f"Delete {freed}")
    if variant.owner == SPARK:
        return None
    question = (
        f"Forget {name}? Spark no longer lists it; the files stay with {owner_name(variant.owner)}.{first}"
    )
    return Removal(
        "Forget…", question.replace("stay with a folder", "stay in a folder"), "Forget", forgets=True
    )
