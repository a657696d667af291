"""The tray icon: a shape and colour per state that shows on any panel, and a menu whose entries do what they say."""

from itertools import combinations
from typing import Any, get_args

import pytest
import shiboken6
from msgspec.structs import replace
from PySide6.QtCore import QPoint
from PySide6.QtGui import QAction, QGuiApplication, QImage

from app import recent_models, start_at_login
from app.actions import Actions
from app.dashboard.pages import PAGES
from app.headline import Mood, headline
from app.link import Connected, Lost, Stopped
from app.notices import NoticeBoard
from app.recent_models import RecentModels
from app.store import Store
from app.tokens import contrast
from app.tray import Tray
from app.tray_icon import SIZES, mark, tray_icon
from app.tray_menu import MOST
from app.tray_words import LONGEST, tooltip
from spark_engine.errors import Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.downloads import Fetching
from spark_engine.types.models import Loading, Unloaded, VariantEntry
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import StateSnapshot, VariantChanged
from tests.gui.conftest import RecordedClient, RecordedLink, until
from tests.gui.library import download
from tests.gui.states import NANO, PHI, READY, sample_models, sample_state

MOODS = get_args(Mood)
HERE = Connected(True)
NANO_MODEL = sample_models()["spark-nano"]
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
def tray(qtbot: Any, base: BaseDir) -> Any:
    client, link, store, board = RecordedClient(), RecordedLink(), Store(), NoticeBoard()
    made = Tray(store, Actions(client, link, board), base)  # type: ignore[arg-type]
    made.show()
    made.client, made.link, made.store = client, link, store  # type: ignore[attr-defined]
    return made


def show(tray: Any, state: Any, link: Any = HERE) -> dict[str, QAction]:
    tray.store.apply(StateSnapshot(state))
    tray.store.set_link(link)
    tray.store.flush()
    tray._repaint.flush()
    return lines(tray.menu)


def lines(menu: Any) -> dict[str, QAction]:
    return {action.text(): action for action in menu.actions() if action.text()}


async def test_menu_entries_do_what_they_say(tray: Any, qtbot: Any) -> None:
    menu = show(tray, sample_state())
    assert list(menu) == [
        "Spark nano is loaded and answers.",
        "Unload Spark nano, ONNX · int4",
        "Load Phi-4-mini, ONNX · int4 · CPU",
        "Free memory now",
        "Acceleration",
        "Pause serving",
        "Open dashboard",
        "Go to",
        "Copy API address",
        "Open logs",
        *(["Start at login"] if start_at_login.is_supported() else []),
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
    assert tray.icon.toolTip() == (
        "Spark: Spark nano is loaded and answers.\nSpark nano, ONNX · int4, on CPU\n244 MB of memory in use"
    )
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


async def test_acceleration_is_chosen_as_on_its_page(tray: Any) -> None:
    menu = lines(show(tray, sample_state())["Acceleration"].menu())
    assert list(menu) == [
        "ONNX models",
        "Automatic (now CPU)",
        "CPU, in use, 1,530 tok/s",
        "CPU, 1 thread, not checked",
        "CPU by onnxruntime-genai, slower than CPU, 483 tok/s",
        "CUDA, verified, 2,410 tok/s",
        "DirectML (WinML), wrong numbers",
        "WebGPU, crashed",
        "OpenVINO, not installed",
        "Details…",
    ]
    assert [words for words, line in menu.items() if line.isChecked()] == [
        "Automatic (now CPU)",
        "CPU, in use, 1,530 tok/s",
    ]
    menu["CUDA, verified, 2,410 tok/s"].trigger()
    await until(lambda: tray.client.calls == [("use_acceleration", "onnx", "cuda", "strict=None")])
    assert not menu["CUDA, verified, 2,410 tok/s"].isChecked(), "it is ticked once it is used"
    pages: list[str] = []
    tray.page_wanted.connect(pages.append)
    for words in ("WebGPU, crashed", "Details…"):
        menu[words].trigger()
    assert pages == ["acceleration", "acceleration"]


async def test_serving_is_paused_and_resumed(tray: Any) -> None:
    show(tray, sample_state())["Pause serving"].trigger()
    await until(lambda: tray.client.calls == [("pause_serving",)])
    waits = RequestEntry("r", NANO, "waiting", "app", 1.0)
    menu = show(tray, replace(sample_state(), paused=True, requests={"r": waits}))
    assert tray.icon.icon().cacheKey() == tray_icon("paused").cacheKey()
    menu["Resume serving (1 request waits)"].trigger()
    await until(lambda: tray.client.calls[1:] == [("resume_serving",)])


def test_every_page_is_in_the_menu(tray: Any) -> None:
    pages: list[str] = []
    tray.page_wanted.connect(pages.append)
    for line in lines(show(tray, sample_state())["Go to"].menu()).values():
        line.trigger()
    assert pages == [page.id for page in PAGES]


def test_what_was_used_lately_stands_first(tray: Any) -> None:
    unloaded = [
        replace(NANO_MODEL, id=f"m{n}", name=f"Model {n}", variants=(_variant(f"m{n}:a"),)) for n in range(20)
    ]
    state = replace(sample_state(), models={m.id: m for m in unloaded})
    show(tray, state)
    for id in ("m17:a", "m3:a"):
        tray.store.apply(VariantChanged(id, READY))
        tray.store.apply(VariantChanged(id, Unloaded()))
    menu = list(show(tray, state))
    assert [words.split(",")[0] for words in menu[1 : MOST + 1]] == [
        f"Load Model {n}" for n in (3, 17, 0, 1, 2, 4, 5, 6)
    ]
    assert menu[MOST + 1] == "More models…"


def _variant(id: str) -> VariantEntry:
    return VariantEntry(id, "onnx", "int4", 1, Unloaded(), "/m")


async def test_recent_models_are_remembered(
    base: BaseDir, qtbot: Any, monkeypatch: pytest.MonkeyPatch, expect_log: Any
) -> None:
    monkeypatch.setattr(recent_models, "SAVED_AFTER_MS", 1)
    store, file = Store(), base.state / "recent.json"
    known = RecentModels(store, file)
    store.apply(StateSnapshot(sample_state()))
    store.apply(VariantChanged(PHI, READY))
    await until(file.exists)
    await until(lambda: RecentModels(Store(), file).ids == (PHI, NANO))
    assert known.ids == (PHI, NANO)
    expect_log("recent.json is ignored")
    file.write_text("[1")
    assert RecentModels(Store(), file).ids == ()


def test_a_click_never_does_what_did_not_stand_there(tray: Any) -> None:
    menu = show(tray, sample_state())
    unload = menu["Unload Spark nano, ONNX · int4"]
    line = menu["Spark nano is loaded and answers."]
    running = RequestEntry("r", NANO, "running", "app", 1.0)
    assert show(tray, replace(sample_state(), requests={"r": running}))[unload.text()] is unload
    assert line.text() == "Spark is working on 1 request.", "the line changed in place"
    pause = menu["Pause serving"]
    after = show(tray, replace(sample_state(), paused=True))
    assert "Resume serving" in after
    assert not shiboken6.isValid(pause), "it is another line, not this one with other words"


def test_an_open_menu_keeps_its_lines(tray: Any, qtbot: Any) -> None:
    before = list(show(tray, sample_state()))
    tray.menu.popup(QPoint(0, 0))
    assert list(show(tray, sample_state(Unloaded()))) == before
    tray.menu.hide()
    assert "Load Spark nano, ONNX · int4" in lines(tray.menu)


def test_start_at_login(tray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(start_at_login, "is_supported", lambda: True)
    monkeypatch.setattr(start_at_login, "is_on", lambda: bool(asked and asked[-1]))
    monkeypatch.setattr(start_at_login, "turn", asked.append)
    tray.menu.aboutToShow.emit()
    menu = show(tray, sample_state())
    for wanted in (True, False):
        menu["Start at login"].trigger()
        assert asked[-1] is wanted
        assert lines(tray.menu)["Start at login"].isChecked() is wanted

    def refuse(on: bool) -> None:
        raise Unavailable("no_home", "It cannot be kept", "The folder is read-only.")

    monkeypatch.setattr(start_at_login, "turn", refuse)
    lines(tray.menu)["Start at login"].trigger()
    assert not lines(tray.menu)["Start at login"].isChecked()
    assert [n.title for n in tray._actions._board.notices] == ["It cannot be kept"]


def test_a_tooltip_is_as_long_as_windows_allows() -> None:
    metrics = replace(sample_state().metrics, tokens_per_second=412.0)
    busy = replace(sample_state(), metrics=metrics, downloads={PHI: download(Fetching(1e7, 200.0), 2e9)})
    assert tooltip(headline(HERE, busy), busy).splitlines() == [
        "Spark: Spark is downloading Phi-4-mini.",
        "Spark nano, ONNX · int4, on CPU",
        "412 tok/s, 244 MB of memory in use",
    ]
    long = replace(NANO_MODEL, name="A model with a name that goes on and on" * 4)
    words = tooltip(headline(HERE, replace(busy, models={"spark-nano": long}, downloads={})), busy)
    assert len(words) == LONGEST
    assert words.endswith("…")
