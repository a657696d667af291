"""The Models page: four states, one action per row, live progress."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.dashboard.model_order import Order, ordered
from app.dashboard.models_page import ModelsPage
from app.dashboard.row_action import row_action
from app.dashboard.variant_row import VariantRow
from app.link import Connected, Lost, Refused, Starting, Stopped
from spark_engine.paths import BaseDir
from spark_engine.types.components import Broken, ComponentEntry, Installing, Verified
from spark_engine.types.downloads import Paused
from spark_engine.types.fit import Fit
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    ModelEntry,
    ModelKind,
    NotInstalled,
    Restarting,
    Unloaded,
    Unloading,
    VariantEntry,
    VariantStatus,
)
from spark_engine.types.state import ComponentChanged, ModelsListed, VariantChanged
from tests.gui.conftest import Stage, choose, until
from tests.gui.library import FITS, LARGE, LESS, download, state_of
from tests.gui.states import NANO, NANO_GGUF, PHI, PHI_GPU, READY, sample_models

LEFT = Qt.MouseButton.LeftButton
GGUF = ComponentEntry("gguf", "llama.cpp", ("gguf",), True, 80_000_000, Installing(0.25, "compiling"))


@pytest.fixture
def page(stage: Stage) -> ModelsPage:
    stage.store.set_link(Connected(True))
    stage.window.go("models")
    assert isinstance(stage.window.page, ModelsPage)
    return stage.window.page


def titles(page: ModelsPage) -> list[str]:
    """The names on the cards from top to bottom."""
    cards = [card for card in page.cards.values() if not card.isHidden()]
    return [card._name._whole for card in sorted(cards, key=lambda card: page.shelf._column.indexOf(card))]


@pytest.fixture
def row(page: ModelsPage) -> Callable[[str], VariantRow]:
    return lambda id: page.cards[id.partition(":")[0]].rows[id]


async def test_load_is_one_click(stage: Stage, row: Any, qtbot: Any) -> None:
    stage.client.gate = asyncio.Event()
    assert row(PHI).button.text() == "Load"
    qtbot.mouseClick(row(PHI).button, LEFT)
    assert not row(PHI).button.isEnabled()
    stage.client.gate.set()
    await until(lambda: row(PHI).button.isEnabled())
    assert stage.client.calls == [("load", PHI)]


async def test_unload_is_one_click(stage: Stage, row: Any, qtbot: Any) -> None:
    qtbot.mouseClick(row(NANO).button, LEFT)
    await until(lambda: stage.client.calls)
    assert stage.client.calls == [("unload", NANO)]


async def test_a_missing_component_is_installed_with_progress_and_cancel(
    stage: Stage, row: Any, qtbot: Any
) -> None:
    shown = row(NANO_GGUF)
    assert (shown.button.text(), shown.chip.word) == ("Install GGUF support", "component missing")
    assert "80 MB to download" in shown._detail.text()
    qtbot.mouseClick(shown.button, LEFT)
    await until(lambda: stage.client.calls == [("install_component", "gguf")])
    stage.feed(ComponentChanged(GGUF))
    assert shown.progress.isVisible()
    assert shown.button.isHidden()
    qtbot.mouseClick(shown.progress._cancel, LEFT)
    await until(lambda: stage.client.calls[-1] == ("cancel_component", "gguf"))
    stage.feed(
        ComponentChanged(
            replace(GGUF, status=Broken("no_compiler", "No compiler", "cc is missing.", "Get it."))
        )
    )
    assert "No compiler" in shown._detail.text()
    assert (shown._remedy.text(), shown.button.text()) == ("Get it.", "Try again")


def test_an_installed_component_makes_the_variant_loadable(stage: Stage, row: Any) -> None:
    models = sample_models()
    nano = models["spark-nano"]
    variants = tuple(replace(v, component=None) for v in nano.variants)
    stage.feed(
        ComponentChanged(replace(GGUF, status=Verified("0.3.36"))),
        ModelsListed(models | {"spark-nano": replace(nano, variants=variants)}),
    )
    assert row(NANO_GGUF).button.text() == "Load"


def test_loading_is_shown_as_it_goes(stage: Stage, row: Any) -> None:
    stage.feed(VariantChanged(PHI, Loading(0.42, "reading weights")))
    shown = row(PHI)
    assert shown.loading.isVisible()
    assert shown.loading._step._whole == "reading weights, 42%"
    assert (shown.chip.word, shown.button.text()) == ("loading", "Cancel")
    stage.feed(VariantChanged(PHI, READY))
    assert shown.loading.isHidden()
    assert (shown.chip.word, shown.button.text()) == ("ready", "Unload")
    assert "on CPU" in shown._detail.text()


def test_a_failure_says_why_and_what_to_do(stage: Stage, row: Any, qtbot: Any) -> None:
    failed = LoadFailed(
        "no_memory", "Not enough memory", "It needs 2 GB more.", "Run `spark doctor`.", "stderr line"
    )
    stage.feed(VariantChanged(PHI, failed))
    shown = row(PHI)
    assert shown.button.text() == "Retry"
    assert shown._detail.text() == "Not enough memory. It needs 2 GB more."
    assert shown._remedy.text() == "Run “spark doctor”."
    qtbot.mouseClick(shown.copy_details, LEFT)
    assert "stderr line" in QGuiApplication.clipboard().text()


def test_where_files_go_that_are_not_here(
    stage: Stage, page: ModelsPage, row: Any, qtbot: Any, base: BaseDir
) -> None:
    choose(qtbot, row(PHI_GPU), "Copy path")
    assert QGuiApplication.clipboard().text() == str(base.models / "phi-4-mini" / "onnx-int4-gpu")
    assert row(PHI_GPU).button.isHidden()
    assert str(base.models / "phi-4-mini") in page.cards["phi-4-mini"]._hint.text()
    assert page.cards["spark-nano"]._hint.isHidden()


async def test_rescan_by_button_and_by_key(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    qtbot.mouseClick(page.head.rescan, LEFT)
    assert not page.head.rescan.isEnabled()
    await until(page.head.rescan.isEnabled)
    qtbot.keyClick(stage.window, Qt.Key.Key_F5)
    await until(lambda: stage.client.calls == [("rescan",), ("rescan",)])


def test_rows_are_kept_while_the_list_stays_the_same(stage: Stage, page: ModelsPage, row: Any) -> None:
    before = row(NANO)
    stage.feed(ModelsListed(sample_models(Unloaded())))
    assert row(NANO) is before
    assert row(NANO).button.text() == "Load"
    fewer = {"spark-nano": sample_models()["spark-nano"]}
    stage.feed(ModelsListed(fewer))
    assert list(page.cards) == ["spark-nano"]


def test_what_is_here_comes_first_but_nothing_jumps_while_one_looks(stage: Stage, page: ModelsPage) -> None:
    models = sample_models()
    absent = replace(models["phi-4-mini"], variants=(VariantEntry(PHI, "onnx", "int4", 1, NotInstalled()),))
    assert list(page.shelf.titles) == ["On this machine"]
    stage.feed(ModelsListed({"phi-4-mini": absent, "spark-nano": models["spark-nano"]}))
    assert titles(page) == ["Phi-4-mini", "Spark nano"]
    stage.window.go("home")
    stage.window.go("models")
    assert titles(page) == ["Spark nano", "Phi-4-mini"]
    assert page.shelf.titles["To download"].isVisible()


def test_what_can_be_fetched_is_in_the_order_of_its_use() -> None:
    def model(id: str, quality: float, fit: Fit | None = None, kind: ModelKind = "generator") -> ModelEntry:
        variant = VariantEntry(f"{id}:x", "gguf", "Q4", 1, NotInstalled(), kind=kind, fit=fit)
        return replace(sample_models()["phi-4-mini"], id=id, name=id, variants=(variant,), quality=quality)

    models = [
        model("good", 60.0), model("large", 90.0, LARGE), model("better", 70.0, LESS),
        model("vectors", 80.0, FITS, "embedder"), model("phi-4-mini", 50.0), model("coming", 10.0),
    ]  # fmt: skip
    state = state_of({m.id: m for m in models}, download(Paused(), id="coming:x"))
    assert ordered(state) == Order(("coming",), ("phi-4-mini", "better", "good", "vectors", "large"))


async def test_the_four_states(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    assert page.is_live
    stage.feed(ModelsListed({}))
    assert not page.is_live
    qtbot.mouseClick(page.empty.button, LEFT)
    await until(lambda: stage.client.calls == [("rescan",)])
    stage.store.set_link(Starting())
    assert page.empty._title.text() == "Starting"
    stage.store.set_link(Lost("It ended.", 1, 0.5))
    assert "unexpectedly" in page.empty._title.text()
    for link in (Refused("port_in_use", "The port is taken", "By python.", "Choose another."), Stopped()):
        stage.store.set_link(link)
        qtbot.mouseClick(page.empty.button, LEFT)
    assert stage.link.starts == 2


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (NotInstalled(), None),
        (Unloaded(), "Load"),
        (Loading(0.1, ""), "Cancel"),
        (READY, "Unload"),
        (Unloading(), None),
        (Restarting(1, 0.5, "It crashed."), "Cancel"),
        (LoadFailed("c", "t", "m"), "Retry"),
    ],
)
def test_every_status_has_its_one_action(status: VariantStatus, word: str | None) -> None:
    action = row_action(VariantEntry("a:b", "onnx", "int4", 1, status), None)
    assert (action.word if action else None) == word
