"""Nothing is cut off and nothing overlaps: every page in every scene, at the usual and the smallest size and scale."""

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from app.dashboard.pages import PAGES
from app.notices import Notice
from app.widgets.text import label
from spark_engine.paths import BaseDir
from tests.gui.clipping import cut_off, overlapping
from tests.gui.conftest import Stage, raise_curtain, until
from tests.gui.scenes import SCENES, ShowcaseClient, open_page

SIZES = ((1100, 720), (820, 560))
PAUSE_S = 0.03
LONG = Notice(
    "n", "bad", "A model could not be loaded", "It needs 2.1 GB more than is free. " * 4, "Do this.", "x"
)


@pytest.fixture
def scene(qtbot: Any, base: BaseDir) -> Stage:
    made = Stage(base, ShowcaseClient())
    raise_curtain(qtbot, made)
    return made


async def lacks(root: QWidget) -> list[str]:
    """What is cut off or overlaps and stays so: rows that were just made get their room a moment later."""
    for _ in range(20):
        if not (found := [*cut_off(root), *overlapping(root)]):
            break
        await asyncio.sleep(0.05)
    return found


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", SCENES)
async def test_nothing_is_cut_off(scene: Stage, name: str, size: tuple[int, int]) -> None:
    scene.window.resize(*size)
    SCENES[name](scene)
    if name == "live":
        scene.board.post(LONG)
    found = []
    for page in PAGES:
        await open_page(scene, page.id, PAUSE_S)
        if page.id == "settings" and name == "live":
            shown: Any = scene.window.page
            await until(lambda shown=shown: shown.groups.is_complete)
        found += [f"{page.id}: {said}" for said in await lacks(scene.window)]
    scene.window.help.bring_up()
    found += [f"help: {said}" for said in await lacks(scene.window.help)]
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("factor", ["1.5", "2"])
def test_nothing_is_cut_off_on_dense_screens(factor: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        __file__,
        "-k",
        "cut_off and live",
    ]
    environment = os.environ | {"QT_SCALE_FACTOR": factor}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "2 passed" in done.stdout


def test_the_walk_sees_what_is_cut_off(qtbot: Any) -> None:
    root = QWidget()
    qtbot.addWidget(root)
    root.resize(200, 100)
    long, one, other = (label(text) for text in ("Some words that are far too long here", "short", "on it"))
    for place, said in ((0, long), (50, one), (55, other)):
        said.setParent(root)
        said.setGeometry(10, place, 120, 20)
    root.show()
    assert [line.partition(" is ")[0] for line in cut_off(root)] == [f"QLabel {long.text()!r}"]
    assert overlapping(root) == ["QLabel 'short' / QLabel 'on it'"]
    other.move(150, 80)
    assert any("reaches out" in line for line in cut_off(root))
    assert overlapping(root) == []
