"""The icon set (Phosphor), drawn in the theme's colours; only its one font is loaded."""

from functools import cache
from pathlib import Path
from typing import Any

import qtawesome
from PySide6.QtGui import QIcon

FAMILY = "ph"


@cache
def _font() -> Any:
    """Phosphor's font and names from the files that qtawesome ships; loading all of its fonts costs 10 MB."""
    from qtawesome.iconic_font import IconicFont

    folder = Path(qtawesome.__file__).parent / "fonts"
    ttf = next(folder.glob("phosphor-[0-9]*.ttf")).name
    names = next(folder.glob("phosphor-charmap-*.json")).name
    return IconicFont((FAMILY, ttf, names))


def icon(name: str, colour: str, disabled: str | None = None) -> QIcon:
    """The icon `name` (without prefix, as in `house`) in `colour`."""
    made: QIcon = _font().icon(f"{FAMILY}.{name}", color=colour, color_disabled=disabled or colour)
    return made
