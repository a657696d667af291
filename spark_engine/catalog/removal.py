"""Removing a model: Spark's own files are deleted, another program's are only not shown any more."""

import logging
import os
import secrets
import shutil
import stat
from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.adopted import forget
from spark_engine.errors import Conflict, NotFound
from spark_engine.paths import BaseDir, resources
from spark_engine.types.ids import parse_model_ref
from spark_engine.types.models import VariantEntry
from spark_engine.types.owners import SPARK, owner_name

log = logging.getLogger(__name__)
ASIDE = ".removing-"
"""Folders of this name, beside the models, are on their way out."""


class Removal(Struct, frozen=True):
    """What became of a variant. `forgotten`: nothing was deleted, it is not shown any more; `freed_bytes`: room that
    its files took and no other name of theirs still takes."""

    id: str
    freed_bytes: int = 0
    forgotten: bool = False


def remove_variant(base: BaseDir, variant: VariantEntry) -> Removal:
    """Delete a variant's folder in Spark's own place, or forget one that belongs to another program.

    No runner may hold it. Nothing outside `<base>/models/<model>/<variant>` is ever deleted, and no link is followed.
    NotFound when it is not here, Conflict when Spark may not delete it or the system refuses.
    """
    if variant.path is None or variant.format == "echo":
        raise _nothing_there(variant)
    if variant.owner != SPARK:
        forget(base, variant.path)
        return Removal(variant.id, forgotten=True)
    folder = _own_folder(base, variant)
    if folder.is_symlink():
        folder.unlink()
        return Removal(variant.id)
    if not folder.is_dir():
        raise _nothing_there(variant)
    freed = _room(folder)
    _delete(base, folder, variant)
    return Removal(variant.id, freed)


def finish_removals(base: BaseDir) -> None:
    """Delete what an earlier removal put aside and could not finish."""
    for folder in base.models.glob(f"{ASIDE}*"):
        _delete_tree(folder)


def _own_folder(base: BaseDir, variant: VariantEntry) -> Path:
    """The folder that holds the variant and nothing else; Conflict unless it really lies among Spark's models."""
    ref = parse_model_ref(variant.id)
    models = Path(os.path.realpath(base.models))
    folder = base.models / ref.model / (ref.variant or "")
    place = os.path.abspath(variant.path or "")
    if ref.variant is None or not (place == str(folder) or place.startswith(os.path.join(folder, ""))):
        raise _not_ours(variant, place)
    if os.path.realpath(folder.parent) != str(models / ref.model):
        raise _not_ours(variant, os.path.realpath(folder))
    if os.path.realpath(folder) != str(models / ref.model / ref.variant) and not folder.is_symlink():
        raise _not_ours(variant, os.path.realpath(folder))
    return folder


def _delete(base: BaseDir, folder: Path, variant: VariantEntry) -> None:
    """Out of the way first, in one step: a half-deleted model is never there to be loaded."""
    aside = base.models / f"{ASIDE}{secrets.token_hex(6)}"
    try:
        folder.rename(aside)
    except OSError as error:
        raise Conflict(
            "model_in_use",
            f"{variant.id} cannot be removed now",
            f"The system does not give {folder} free: {error.strerror or error}.",
            "Unload the model, close programs that use its files, and try again.",
            param="model",
        ) from error
    _delete_tree(aside)
    try:
        folder.parent.rmdir()
    except OSError:
        return  # other variants are still there


def _delete_tree(folder: Path) -> None:
    """Links in it are removed as links. What cannot be deleted now is tried again at the next start."""
    try:
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)
    except OSError as error:
        log.warning("%s could not be deleted: %s", folder, error)


def _room(folder: Path) -> int:
    """Bytes of the files in a folder that have no other name."""
    found = (os.lstat(Path(where) / name) for where, _, names in os.walk(folder) for name in names)
    return sum(file.st_size for file in found if stat.S_ISREG(file.st_mode) and file.st_nlink == 1)


def _nothing_there(variant: VariantEntry) -> NotFound:
    return NotFound(
        "model_not_installed",
        f"{variant.id} is not on this machine",
        "There is nothing to remove.",
        param="model",
    )


def _not_ours(variant: VariantEntry, place: str) -> Conflict:
    ships = os.path.realpath(place).startswith(os.path.join(os.path.realpath(resources()), ""))
    why = (
        "It ships with Spark."
        if ships
        else f"Its files lie in {place}, outside of {owner_name(SPARK)}'s models."
    )
    return Conflict(
        "model_not_removable",
        f"{variant.id} is not Spark's to delete",
        why,
        "" if ships else "Delete them yourself if nothing else needs them, then run `spark models scan`.",
        param="model",
    )
