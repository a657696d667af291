"""Colours can be read: contrast is computed, chart colours are told apart without hue, and the system is followed."""

from itertools import combinations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from app.dashboard.request_cells import COLOURS
from app.icons import icon
from app.stylesheet import stylesheet
from app.theme import appearance, body_font, read_theme
from app.tokens import Theme, contrast, luminance, mixed, rgb

TEXT, GRAPHICS = 4.5, 3.0
# Machado, Oliveira and Fernandes (2009), full severity, on linear RGB.
DEUTERANOPIA = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)
PROTANOPIA = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)


@pytest.fixture(params=["light", "dark"])
def tokens(request: pytest.FixtureRequest) -> Theme:
    return read_theme(request.param)


def test_contrast_is_what_wcag_says() -> None:
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_every_text_can_be_read_on_every_surface_it_stands_on(tokens: Theme) -> None:
    for surface in tokens.surface[:3]:
        for colour in (*tokens.text, tokens.ok, tokens.warn, tokens.bad, tokens.info):
            assert contrast(colour, surface) >= TEXT, (colour, surface)
    assert contrast(tokens.text[0], tokens.surface[3]) >= TEXT


def test_words_on_buttons_and_chips_can_be_read(tokens: Theme) -> None:
    assert contrast(tokens.on_accent, tokens.accent) >= TEXT
    assert contrast(tokens.on_accent, tokens.accent_hover) >= TEXT
    assert contrast(tokens.text[1], tokens.surface[3]) >= TEXT
    for tone in (tokens.ok, tokens.warn, tokens.bad, tokens.info, tokens.text[2]):
        tint = mixed(tone, tokens.surface[1], 0.12)
        assert contrast(tokens.text[0], tint) >= TEXT
        assert contrast(tokens.text[1], tint) >= TEXT


def test_graphics_stand_out(tokens: Theme) -> None:
    for surface in tokens.surface[:2]:
        for colour in (tokens.accent_edge, tokens.info, *tokens.chart):
            assert contrast(colour, surface) >= GRAPHICS, (colour, surface)


def test_bars_stand_out_from_what_they_fill(tokens: Theme) -> None:
    for colour in COLOURS.values():
        if colour >= 0:
            assert contrast(tokens.chart[colour], tokens.surface[2]) >= GRAPHICS, colour
    for colour in (tokens.info, tokens.text[2]):
        assert contrast(colour, tokens.surface[3]) >= GRAPHICS, colour


def test_the_accent_is_for_actions_and_live_lines_only(tokens: Theme) -> None:
    used = [tokens.chart[colour] for colour in COLOURS.values() if colour >= 0]
    assert not {tokens.accent, tokens.accent_edge} & set(used)


def test_words_on_notices_can_be_read(tokens: Theme) -> None:
    for tone in (tokens.ok, tokens.warn, tokens.bad, tokens.info):
        ground = mixed(tone, tokens.surface[1], 0.09)
        for colour in (*tokens.text[:2], tone):
            assert contrast(colour, ground) >= TEXT, (colour, ground)


def test_chart_colours_differ_for_colour_blind_eyes(tokens: Theme) -> None:
    for one, other in combinations(tokens.chart, 2):
        for sight in (DEUTERANOPIA, PROTANOPIA):
            assert distance(seen(one, sight), seen(other, sight)) >= 15, (one, other)


def test_tones_of_state_differ(tokens: Theme) -> None:
    assert len({tokens.tone(t) for t in ("ok", "warn", "bad", "info", "quiet")}) == 5


def test_the_stylesheet_uses_the_tokens_only(tokens: Theme) -> None:
    text = stylesheet(tokens)
    other = read_theme("dark" if tokens.name == "light" else "light")
    assert tokens.surface[0] in text
    assert not any(colour in text for colour in (other.surface[0], other.text[0], other.on_accent))


def test_forcing_a_theme_changes_the_application(qapp: QApplication, qtbot: object) -> None:
    look = appearance()
    try:
        look.force("dark")
        dark = read_theme("dark")
        assert qapp.palette().color(QPalette.ColorRole.Window).name().upper() == dark.surface[0]
        assert look.theme == dark
    finally:
        look.force("light")
    assert look.theme.name == "light"


class System:
    """The application on a desktop whose scheme can be changed; the one of tests has none."""

    def __init__(self, app: QApplication) -> None:
        self._app, self._scheme = app, Qt.ColorScheme.Unknown

    def become(self, scheme: Qt.ColorScheme) -> None:
        self._scheme = scheme
        self._app.styleHints().colorSchemeChanged.emit(scheme)

    def styleHints(self) -> "System":
        return self

    def colorScheme(self) -> Qt.ColorScheme:
        return self._scheme

    def __getattr__(self, name: str) -> object:
        return getattr(self._app, name)


def test_light_and_dark_follow_the_system_unless_one_is_chosen(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, system = appearance(), System(qapp)
    monkeypatch.setattr(look, "_app", system)
    try:
        look.force(None)
        for scheme, name in ((Qt.ColorScheme.Dark, "dark"), (Qt.ColorScheme.Light, "light")):
            system.become(scheme)
            assert look.theme.name == name
        look.force("dark")
        system.become(Qt.ColorScheme.Dark)
        system.become(Qt.ColorScheme.Light)
        assert look.theme.name == "dark"
    finally:
        look.force("light")


def test_figures_have_one_width(qapp: QApplication) -> None:
    assert body_font(qapp.font()).featureValue(body_font(qapp.font()).featureTags()[0]) == 1


def test_icons_come_from_the_shipped_font(qapp: QApplication) -> None:
    image = icon("house", "#FF0000").pixmap(24, 24).toImage()
    painted = [
        image.pixelColor(x, y) for x in range(24) for y in range(24) if image.pixelColor(x, y).alpha() > 200
    ]
    assert len(painted) > 20
    assert all(colour.red() > 200 and colour.green() < 60 for colour in painted)


def seen(colour: str, sight: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    """The colour in CIE Lab as this sight sees it."""
    linear = [_linear(c / 255) for c in rgb(colour)]
    dulled = [min(max(sum(m * c for m, c in zip(row, linear, strict=True)), 0.0), 1.0) for row in sight]
    return lab(*dulled)


def lab(red: float, green: float, blue: float) -> tuple[float, float, float]:
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.0890
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def test_luminance_ends() -> None:
    assert luminance("#000000") == 0
    assert luminance("#FFFFFF") == pytest.approx(1)
