"""The design tokens as plain values: colours by role, sizes, spacing, and the contrast between two colours."""

from msgspec import Struct

GRID = 8
SIZE_SMALL, SIZE_BODY, SIZE_LEAD, SIZE_TITLE, SIZE_HERO = 12, 13, 15, 20, 28
RADIUS_CARD, RADIUS_CONTROL, RADIUS_SMALL = 12, 8, 6
ICON_SMALL, ICON_BODY, ICON_LARGE = 16, 20, 24


class Theme(Struct, frozen=True, forbid_unknown_fields=True):
    """One set of colours, `#RRGGBB`.

    `surface` 0 is the window, 1 a card, 2 a field or quiet button, 3 a track or hover. `text` 1 to 3 fall in
    weight; all three can be read on surfaces 0 to 2. `accent` marks the primary action and the live line of a
    chart; `accent_edge` outlines it where the fill alone would not stand out. `ok`, `warn`, `bad` and `info` are
    for words and shapes of state. `chart` differs in lightness too.
    """

    name: str
    surface: tuple[str, str, str, str]
    text: tuple[str, str, str]
    accent: str
    accent_hover: str
    accent_edge: str
    on_accent: str
    ok: str
    warn: str
    bad: str
    info: str
    chart: tuple[str, str, str, str, str, str]

    def tone(self, name: str) -> str:
        """The colour of a tone of state: `ok`, `warn`, `bad`, `info`; anything else is quiet text."""
        return {"ok": self.ok, "warn": self.warn, "bad": self.bad, "info": self.info}.get(name, self.text[2])


def rgb(colour: str) -> tuple[int, int, int]:
    """`#RRGGBB` as three numbers 0..255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mixed(colour: str, other: str, share: float) -> str:
    """`colour` with `share` (0..1) of it laid over `other`."""
    pairs = zip(rgb(colour), rgb(other), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02X}" for a, b in pairs)


def luminance(colour: str) -> float:
    """Relative luminance 0..1 as WCAG 2 defines it."""
    channels = [c / 255 for c in rgb(colour)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast 1..21 between two colours as WCAG 2 defines it."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
