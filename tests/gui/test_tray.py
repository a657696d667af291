"""The tray icon: a shape and colour per state that shows on any panel, and a menu whose entries do what they say."""

from itertools import combinations
from typing import Any, get_args

import pytest
from PySide6.QtGui import QAction, QGuiApplication, QImage

from app.actions import Actions
from app.headline import Mood
from app.link import Connected, Lost, Stopped
from app.notices import NoticeBoard
from app.store import Store
from app.tokens import contrast
from app.tray import Tray
from app.tray_icon import SIZES, mark, tray_icon
from spark_engine.types.models import Loading, Unloaded
from spark_engine.types.state import StateSnapshot, VariantChanged
from tests.gui.conftest import RecordedClient, RecordedLink, until
from tests.gui.states import NANO, PHI, sample_state

MOODS = get_args(Mood)
HERE = Connected(True)
PANELS = ("#FFFFFF", "#F2F2F2", "#202124", "#000000")


def image(mood: Mood, size: int) -> QImage:
    return tray_icon(mood).pixmap(size, size).toImage()


def filled(drawn: QImage) -> set[tuple[int, int]]:
    """The pixels that are drawn."""
    box = [(x, y) for x in range(drawn.width()) for y in range(drawn.height())]
    return {(x, y) for x, y in box if drawn.pixelColor(x, y).alpha() > 128}


@pytest.mark.parametrize("size", [16, 22, 32])
def test_every_state_has_a_shape_of_its_own(qapp: Any, size: int) -> None:
    shapes = {mood: filled(image(mood, size)) for mood in MOODS}
    for one, other in combinations(MOODS, 2):
        differing = len(shapes[one] ^ shapes[other])
        assert differing >= 0.04 * size * size, (one, other)


@pytest.mark.parametrize("mood", MOODS)
def test_colours_show_on_light_and_dark_panels(qapp: Any, mood: Mood) -> None:
    drawn = image(mood, 64)
    solid = [drawn.pixelColor(x, y) for x, y in filled(drawn) if drawn.pixelColor(x, y).alpha() == 255]
    common = max({c.name() for c in solid}, key=[c.name() for c in solid].count)
    for panel in PANELS:
        assert contrast(common.upper(), panel) >= 2.6, (common, panel)


def test_every_size_is_drawn_not_scaled(qapp: Any) -> None:
    for size in SIZES:
        assert tray_icon("ready").actualSize(image("ready", size).size()).width() == size
    assert not mark().isNull()


@pytest.fixture
def tray(qtbot: Any) -> Any:
    client, link, store, board = RecordedClient(), RecordedLink(), Store(), NoticeBoard()
    made = Tray(store, Actions(client, link, board))  # type: ignore[arg-type]
    made.client, made.link, made.store = client, link, store  # type: ignore[attr-defined]
    return made


def show(tray: Any, state: Any, link: Any = HERE) -> dict[str, QAction]:
    tray.store.apply(StateSnapshot(state))
    tray.store.set_link(link)
    tray.store.flush()
    tray._repaint.flush()
    return {action.text(): action for action in tray.menu.actions() if action.text()}


async def test_menu_entries_do_what_they_say(tray: Any, qtbot: Any) -> None:
    menu = show(tray, sample_state())
    assert list(menu) == [
        "Spark nano is loaded and answers.",
        "Unload Spark nano, ONNX · int4",
        "Load Phi-4-mini, ONNX · int4 · CPU",
        "Free memory now",
        "Open dashboard",
        "Copy API address",
        "Quit Spark",
    ]
    assert not menu["Spark nano is loaded and answers."].isEnabled()
    menu["Unload Spark nano, ONNX · int4"].trigger()
    menu["Load Phi-4-mini, ONNX · int4 · CPU"].trigger()
    await until(lambda: tray.client.calls == [("unload", NANO), ("load", PHI)])
    menu["Copy API address"].trigger()
    assert QGuiApplication.clipboard().text() == "http://127.0.0.1:8910/v1"
    with qtbot.waitSignals([tray.open_wanted, tray.quit_wanted], timeout=500):
        menu["Open dashboard"].trigger()
        menu["Quit Spark"].trigger()


def test_icon_and_tooltip_follow_the_state(tray: Any) -> None:
    show(tray, sample_state())
    assert tray.icon.icon().cacheKey() == tray_icon("ready").cacheKey()
    assert tray.icon.toolTip() == "Spark: Spark nano is loaded and answers."
    show(tray, sample_state(), Lost("The engine ended unexpectedly.", 1, 0.5))
    assert tray.icon.icon().cacheKey() == tray_icon("problem").cacheKey()
    tray.store.set_link(Connected(True))
    tray.store.apply(VariantChanged(NANO, Loading(0.2, "reading")))
    tray.store.flush()
    tray._repaint.flush()
    assert tray.icon.icon().cacheKey() == tray_icon("busy").cacheKey()


def test_quit_says_when_the_engine_stays(tray: Any) -> None:
    assert "Quit (the engine keeps running)" in show(tray, sample_state(), Connected(False))


def test_a_stopped_engine_can_be_started_from_the_menu(tray: Any) -> None:
    menu = show(tray, sample_state(Unloaded()), Stopped())
    menu["Start engine"].trigger()
    assert tray.link.starts == 1
    assert not any(words.startswith(("Load", "Unload", "Copy")) for words in menu)
