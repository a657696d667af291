"""The frame: pages by key and rail, strip, folding, reading order, a name on every control."""

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from app.chats.talk import Talk
from app.dashboard.home_page import HomePage
from app.dashboard.pages import PAGES
from app.dashboard.rail import NARROW, WIDE
from app.link import Connected, Refused, Stopped
from app.notices import Notice
from app.theme import appearance
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.models import Unloaded
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import MetricsSampled, RequestChanged, StateSnapshot
from tests.gui.conftest import Stage, until
from tests.gui.states import NANO, sample_state

LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def live(stage: Stage) -> Stage:
    stage.store.set_link(Connected(True))
    return stage


def focus_chain(window: QWidget) -> Iterator[QWidget]:
    """Every widget that Tab visits, in its order."""
    widget = window.nextInFocusChain()
    while widget is not window:
        if (
            widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and widget.isVisible()
            and widget.window() is window
        ):
            yield widget
        widget = widget.nextInFocusChain()


def fill(stage: Stage) -> None:
    """Something of everything: a notice, every page, a conversation."""
    stage.board.post(Notice("n", "bad", "It broke", "Why", "Do", "code: x"))
    for page in PAGES:
        stage.window.go(page.id)
    stage.window.go("chat")
    talk = Talk()
    turn = talk.ask("Why?")
    turn.pieces, turn.progress = ["Because:\n```\nx\n```\nSo."], "done"
    stage.talk.open(talk)


class Strays(QObject):
    """Notes every top-level window that appears, even for a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.seen.append(type(watched).__name__)
        return False


def test_nothing_flashes_up_as_a_window_of_its_own(live: Stage, qapp: QApplication) -> None:
    strays = Strays()
    qapp.installEventFilter(strays)
    fill(live)
    live.window.page.transcript.messages[-1].fail("It broke", "Why", "Do")  # type: ignore[attr-defined,union-attr]
    qapp.removeEventFilter(strays)
    assert strays.seen == []


def test_pages_by_rail_and_by_key(live: Stage, qtbot: Any) -> None:
    for at, page in enumerate(PAGES):
        qtbot.keyClick(live.window, Qt.Key(Qt.Key.Key_0 + (at + 1) % 10), CONTROL)
        shown = live.window.page
        assert live.window.rail.buttons[page.id].isChecked()
        qtbot.mouseClick(live.window.rail.buttons["home"], LEFT)
        assert isinstance(live.window.page, HomePage)
        qtbot.mouseClick(live.window.rail.buttons[page.id], LEFT)
        assert live.window.page is shown


def test_every_control_has_a_name(live: Stage) -> None:
    fill(live)
    controls = [w for w in live.window.findChildren(QWidget) if w.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert len(controls) > 25
    nameless = [
        w for w in controls if not w.accessibleName() and not w.isHidden() and w.window() is live.window
    ]
    assert nameless == []


@pytest.mark.parametrize("page", [page.id for page in PAGES])
def test_tab_goes_in_reading_order(live: Stage, page: str, qtbot: Any) -> None:
    fill(live)
    live.window.go(page)
    qtbot.wait(20)
    live.window._order_tabs()
    visited = list(focus_chain(live.window))
    regions: list[QWidget] = [live.window.rail, live.window.strip, live.window.notices, live.window.page]
    order = [next(i for i, r in enumerate(regions) if r.isAncestorOf(w)) for w in visited]
    start = order.index(0)
    order, visited = order[start:] + order[:start], visited[start:] + visited[:start]
    assert order == sorted(order)
    in_page = [
        w.mapTo(live.window, QPoint(0, w.height() // 2))
        for w, r in zip(visited, order, strict=True)
        if r == 3
    ]
    assert in_page
    assert all(a.y() <= b.y() + 24 for a, b in zip(in_page, in_page[1:], strict=False))


def test_the_rail_folds_where_the_window_is_narrow(live: Stage) -> None:
    live.window.resize(820, 560)
    assert live.window.rail.width() == NARROW
    assert live.window.rail.buttons["chat"].text() == ""
    assert live.window.rail.buttons["chat"].accessibleName() == "Chat"
    live.window.resize(1100, 720)
    assert live.window.rail.width() == WIDE


@pytest.mark.parametrize("page", [page.id for page in PAGES])
def test_nothing_is_cut_off_at_the_smallest_usable_size(live: Stage, page: str, qtbot: Any) -> None:
    live.window.resize(820, 560)
    live.window.go(page)
    qtbot.wait(20)
    for widget in live.window.page.findChildren(QWidget):
        if (
            widget.isVisible()
            and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and widget.window() is live.window
        ):
            right = widget.mapTo(live.window, QPoint(widget.width(), 0)).x()
            assert right <= 820, widget.accessibleName()
            assert widget.width() >= min(widget.minimumSizeHint().width(), 120), widget.accessibleName()


async def test_the_strip_says_what_is_and_does_what_fits(live: Stage, qtbot: Any) -> None:
    strip = live.window.strip
    assert strip.chip.word == "Ready"
    assert strip.model._whole == "Spark nano, ONNX · int4, on CPU"
    assert strip.action.isHidden()
    assert strip.meter.shares[0] == pytest.approx(0.244 / 16, rel=0.01)
    live.feed(MetricsSampled(MetricsSample(2.0, 8.4, 1, 0, 1, 1, 16, 8)))
    live.feed(RequestChanged(RequestEntry("r", NANO, "running", "x", 0.0)))
    assert (strip.speed.text(), strip.chip.word) == ("8.4 tok/s", "Answering")
    live.feed(StateSnapshot(sample_state(Unloaded())))
    assert strip.action.text() == "Load Spark nano"
    qtbot.mouseClick(strip.action, LEFT)
    await until(lambda: live.client.calls == [("load", NANO)])
    for link in (Stopped(), Refused("c", "t", "m")):
        live.store.set_link(link)
        qtbot.mouseClick(strip.action, LEFT)
    assert live.link.starts == 2


def test_home_says_whether_it_works_and_its_steps_work(live: Stage, qtbot: Any) -> None:
    home = live.window.page
    assert isinstance(home, HomePage)
    assert (home.title.text(), home.address.text()) == ("Spark is ready", "http://127.0.0.1:8910/v1")
    qtbot.mouseClick(home.copy_python, LEFT)
    snippet = QGuiApplication.clipboard().text()
    compile(snippet, "snippet", "exec")
    assert "http://127.0.0.1:8910/v1" in snippet
    qtbot.mouseClick(home.copy_curl, LEFT)
    assert "http://127.0.0.1:8910/v1/chat/completions" in QGuiApplication.clipboard().text()
    qtbot.mouseClick(home.open_models, LEFT)
    assert live.window.rail.buttons["models"].isChecked()
    live.window.go("home")
    qtbot.mouseClick(home.open_chat, LEFT)
    assert live.window.rail.buttons["chat"].isChecked()
    live.store.set_link(Stopped())
    live.window.go("home")
    assert home.title.text() == "Spark is stopped"
    qtbot.mouseClick(home.start, LEFT)
    assert live.link.starts == 1


def test_a_theme_change_keeps_everything_in_place(live: Stage, qtbot: Any) -> None:
    fill(live)
    before = live.window.grab().toImage()
    try:
        appearance().force("dark")
        qtbot.wait(80)
        dark = live.window.grab().toImage()
    finally:
        appearance().force("light")
    assert dark.pixelColor(600, 400).lightness() < 60 < before.pixelColor(600, 400).lightness()
