"""For those who use keys and a screen reader: Tab reaches everything in reading order, and all of it has a name."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QTableView, QWidget

import app
from app.dashboard.pages import PAGES
from app.notices import Notice
from app.widgets.chart import Chart, Frame, Line
from app.widgets.meter import Meter
from spark_engine.paths import BaseDir
from tests.gui.clipping import shown
from tests.gui.conftest import Stage, raise_curtain, until
from tests.gui.scenes import SCENES, ShowcaseClient, leave, open_page

MOST_TABS = 400
UPWARDS = 24
"""Pixels by which what comes next may stand above: controls of one line have different heights."""
SIDE_BY_SIDE = {"chat", "hardware"}
"""Pages of which one half is read after the other."""
SAYS_VALUES = {QAccessible.Role.Chart, QAccessible.Role.ProgressBar}
NOT_SAID = {QAccessible.Role.NoRole, QAccessible.Role.Client}


@pytest.fixture
def scene(qtbot: Any, base: BaseDir) -> Stage:
    made = Stage(base, ShowcaseClient())
    raise_curtain(qtbot, made)
    return made


async def opened(scene: Stage, page: str, name: str = "live") -> None:
    SCENES[name](scene)
    await open_page(scene, page, 0.05)
    if page == "settings" and name == "live":
        settings: Any = scene.window.page
        await until(lambda: settings.groups.is_complete)
        await open_page(scene, page, 0.02)


def tabbed(scene: Stage, qtbot: Any) -> list[QWidget]:
    """What has the focus, from the first of the window on, one Tab after the other until it comes round."""
    first = next(iter(scene.window.rail.buttons.values()))
    first.setFocus(Qt.FocusReason.TabFocusReason)
    visited: list[QWidget] = []
    for _ in range(MOST_TABS):
        now = QApplication.focusWidget()
        assert now is not None
        if visited and now is first:
            return visited
        visited.append(now)
        qtbot.keyClick(now, Qt.Key.Key_Tab)
    raise AssertionError(f"Tab does not come back: {visited[-1].accessibleName()}")


def reachable(root: QWidget) -> Iterator[QWidget]:
    """What somebody can use without a pointer."""
    for widget in shown(root):
        if (
            widget.isEnabled()
            and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and widget.focusProxy() is None
        ):
            yield widget


def usable(root: QWidget) -> Iterator[QWidget]:
    """Every control that a pointer can use."""
    kinds = (QAbstractButton, QComboBox, QLineEdit, QTableView, Chart)
    return (w for w in shown(root) if isinstance(w, kinds) and w.isEnabled())


@pytest.mark.parametrize("page", [page.id for page in PAGES])
async def test_tab_reaches_everything_in_reading_order(scene: Stage, page: str, qtbot: Any) -> None:
    scene.board.post(Notice("n", "bad", "It broke", "Why", "Do", "code: x"))
    await opened(scene, page)
    visited = tabbed(scene, qtbot)
    regions: list[QWidget] = [scene.window.rail, scene.window.strip, scene.window.notices, scene.window.page]
    missed = [w.accessibleName() or type(w).__name__ for w in reachable(scene.window) if w not in visited]
    assert missed == []
    unreachable = [w for w in usable(scene.window) if w not in visited and not _is_part(w)]
    assert [f"{type(w).__name__} {w.accessibleName()}" for w in unreachable] == []
    await leave(scene)
    order = [next(i for i, region in enumerate(regions) if region.isAncestorOf(w)) for w in visited]
    assert order == sorted(order)


def _is_part(widget: QWidget) -> bool:
    """A table's corner and headers, the line in a box of choices: their owner is reached; of several buttons of which
    one is down that one is, and arrow keys lead to the others."""
    if isinstance(widget, QAbstractButton) and (group := widget.group()) is not None and group.exclusive():
        return not widget.isChecked()
    owner = widget.parentWidget()
    while owner is not None:
        if isinstance(owner, QTableView | QComboBox):
            return True
        owner = owner.parentWidget()
    return False


@pytest.mark.parametrize("page", [page.id for page in PAGES if page.id not in SIDE_BY_SIDE])
async def test_the_order_is_from_top_to_bottom(scene: Stage, page: str, qtbot: Any) -> None:
    await opened(scene, page)
    root = scene.window.page
    controls = [w for w in tabbed(scene, qtbot) if root.isAncestorOf(w)]
    spots = [w.mapTo(root, QPoint(0, w.height() // 2)).y() for w in controls]
    assert len(spots) > 1
    back = [
        f"{one.accessibleName()} after {before.accessibleName()}"
        for before, one, above, y in zip(controls, controls[1:], spots, spots[1:], strict=False)
        if above > y + UPWARDS
    ]
    await leave(scene)
    assert back == []


@pytest.mark.parametrize("name", SCENES)
async def test_everything_has_a_name_and_says_what_it_is(scene: Stage, name: str) -> None:
    found = []
    for page in PAGES:
        await opened(scene, page.id, name)
        for widget in (*usable(scene.window), *reachable(scene.window)):
            face = QAccessible.queryAccessibleInterface(widget)
            if _is_part(widget):
                continue
            if not face.text(QAccessible.Text.Name).strip() or face.role() in NOT_SAID:
                found.append(f"{page.id}: {type(widget).__name__} {widget.accessibleName()!r} {face.role()}")
    assert found == []


async def test_what_draws_itself_says_its_values(scene: Stage) -> None:
    kinds, silent = set(), []
    for page in ("models", "acceleration", "hardware", "requests", "apps", "health"):
        await opened(scene, page)
        for widget in shown(scene.window):
            wanted = getattr(type(widget), "told_as", None)
            if wanted is None:
                continue
            face = QAccessible.queryAccessibleInterface(widget)
            kinds.add(type(widget).__name__)
            assert face.role() == wanted
            name, value = (face.text(what) for what in (QAccessible.Text.Name, QAccessible.Text.Value))
            if not name or (wanted in SAYS_VALUES and not value):
                silent.append(f"{page}: {type(widget).__name__} {name!r} {value!r}")
    assert silent == []
    assert {"Chart", "Chip", "CoreBars", "Legend", "Meter", "ProgressBar", "Waterfall"} <= kinds


def test_every_widget_that_draws_itself_says_what_it_is() -> None:
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    drawn = [
        kind
        for kind in _kinds(QWidget)
        if kind.__module__.startswith("app.") and "paintEvent" in kind.__dict__
    ]
    assert len(drawn) > 8
    mute = [
        k.__name__
        for k in drawn
        if not hasattr(k, "told_as") and not issubclass(k, QAbstractButton | QComboBox)
    ]
    assert mute == []


def _kinds(base: type) -> Iterator[type]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def test_a_value_follows_what_is_shown(qtbot: Any) -> None:
    chart, meter = Chart("Load", "{:.0f} %".format), Meter("Memory")
    for widget in (chart, meter):
        qtbot.addWidget(widget)
    chart.show_line(Frame(10.0, 60.0, 15.0, ()), Line([8.0, 9.0], [20.0, 35.0]))
    meter.show_shares(0.25, 0.5, "Spark a quarter, others half")
    values = [QAccessible.queryAccessibleInterface(w).text(QAccessible.Text.Value) for w in (chart, meter)]
    assert values == ["now 35 %, highest 35 %", "Spark a quarter, others half"]
