"""The overflow menu of a variant's row: its lines as data, and what each of them does."""

from collections.abc import Callable, Mapping
from pathlib import Path

from app.actions import Actions
from app.dashboard.removal import removal
from app.widgets.menu_button import MenuEntry
from spark_engine.types.models import VariantEntry, is_installed


def row_menu(variant: VariantEntry, model_name: str, models: Path) -> list[MenuEntry]:
    """The lines of the menu; the keys are those of `row_acts`. `models`: Spark's folder of models."""
    taken_away = removal(variant, model_name, models)
    usable = not variant.rejected and variant.format != "echo"
    return [
        *([MenuEntry("Load options…", "options")] if usable else []),
        *([MenuEntry("Convert…", "convert")] if usable and is_convertible(variant) else []),
        MenuEntry("Copy name for apps", "copy_name"),
        MenuEntry("Copy path", "copy_path"),
        *([MenuEntry("Show in folder", "show_folder")] if variant.path else []),
        *([MenuEntry("Copy repository", "copy_repository")] if variant.repository else []),
        *([MenuEntry(taken_away.words, "remove")] if taken_away else []),
    ]


def is_convertible(variant: VariantEntry) -> bool:
    """Whether it is worth asking what it can become."""
    written = variant.kind == "generator" and variant.format in ("safetensors", "pytorch", "gguf")
    return written and is_installed(variant.status)


def row_acts(
    variant: VariantEntry, actions: Actions, models: Path, asking: Mapping[str, Callable[[], None]]
) -> dict[str, Callable[[], None]]:
    """What each line does, by its key; `asking` are the lines that ask something first."""
    place = place_of(variant, models)
    return {
        **asking,
        "copy_name": lambda: actions.copy(variant.id, "The name"),
        "copy_path": lambda: actions.copy(place, "The path"),
        "show_folder": lambda: actions.show_folder(place),
        "copy_repository": lambda: actions.copy(variant.repository, "The repository's name"),
    }


def place_of(variant: VariantEntry, models: Path) -> str:
    """Where its files lie, or belong."""
    return variant.path or str(models.joinpath(*variant.id.split(":")))
