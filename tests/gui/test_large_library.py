"""Large libraries: found by name, made as far as somebody looks, redrawn where something changed, short in the tray."""

from typing import Any

import pytest
from PySide6.QtCore import Qt

from app.dashboard.models_page import ModelsPage
from app.dashboard.shelf import MORE
from app.dashboard.variant_row import VariantRow
from app.headline import Headline
from app.link import Connected
from app.tray_menu import MOST, menu_entries
from spark_engine.types.downloads import Fetching
from spark_engine.types.state import DownloadChanged, ModelsListed, StateSnapshot
from tests.gui.conftest import Stage
from tests.gui.library import download, many, state_of

LEFT = Qt.MouseButton.LeftButton
CALM = Headline("ready", "Ready", "Ready.")


@pytest.fixture
def page(stage: Stage) -> ModelsPage:
    stage.feed(StateSnapshot(state_of()))
    stage.store.set_link(Connected(True))
    stage.window.go("models")
    assert isinstance(stage.window.page, ModelsPage)
    return stage.window.page


def names(page: ModelsPage) -> list[str]:
    return [card._name._whole for card in page.cards.values() if not card.isHidden()]


def test_finding_by_name(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    assert page.head.finder.isHidden()
    stage.feed(ModelsListed(many(30) | state_of().models))
    assert page.head.finder.isVisible()
    qtbot.keyClicks(page.head.finder, "ollama")
    assert names(page) == ["Llama 3.2"]
    qtbot.keyClicks(page.head.finder, "x")
    assert names(page) == []
    assert page._nothing.text() == "No model is called “ollamax”."
    qtbot.keyClick(page.head.finder, Qt.Key.Key_Escape)
    assert page.head.finder.text() == ""
    qtbot.waitUntil(lambda: len(names(page)) == MORE, timeout=3000)
    assert page._nothing.isHidden()


def test_a_large_library_opens_at_once_and_grows_as_one_looks(
    stage: Stage, page: ModelsPage, qtbot: Any
) -> None:
    stage.feed(ModelsListed(many(200)))
    assert len(page.cards) <= 4
    qtbot.waitUntil(lambda: len(page.cards) == MORE, timeout=3000)
    qtbot.wait(50)
    assert page.shelf._rest.text() == f"{MORE} of 200 models"
    page.area.verticalScrollBar().setValue(page.area.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: len(page.cards) == 2 * MORE, timeout=3000)
    qtbot.mouseClick(page.shelf.more, LEFT)
    qtbot.waitUntil(lambda: len(page.cards) == 3 * MORE, timeout=3000)


def test_a_change_touches_only_its_own_card(
    stage: Stage, page: ModelsPage, qtbot: Any, monkeypatch: Any
) -> None:
    stage.feed(ModelsListed(many(200)))
    qtbot.waitUntil(lambda: len(page.cards) == MORE, timeout=3000)
    drawn: list[str] = []
    show = VariantRow.show_variant
    monkeypatch.setattr(
        VariantRow, "show_variant", lambda self, v, *a, **k: (drawn.append(v.id), show(self, v, *a, **k))
    )
    stage.feed(DownloadChanged(download(Fetching(1e6, 9.0), id="model-001:gguf-q4")))
    assert {id.partition(":")[0] for id in drawn} == {"model-001"}


def test_the_tray_does_not_list_hundreds(stage: Stage, page: ModelsPage) -> None:
    state = state_of(many(200), download(Fetching(1e6, 9.0), id="model-000:gguf-q4"))
    told = [entry.words for entry in menu_entries(CALM, state, ())]
    assert sum(words.startswith("Load") for words in told) == MOST
    assert "More models…" in told
    assert any(words.endswith(": downloading") for words in told)
