"""Conversions in the window: what a variant can become, what is missing, how far it is, how well it agrees."""

from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.conversion_notices import ConversionNotices
from app.conversion_words import agreement_badge, agreement_detail, kind_words, percent
from app.dashboard.convert_panel import ConvertPanel
from app.dashboard.models_page import ModelsPage
from app.dashboard.variant_row import VariantRow
from app.link import Connected
from spark_engine.errors import Conflict
from spark_engine.paths import BaseDir
from spark_engine.types.components import ComponentEntry, Installing, Missing, Verified
from spark_engine.types.conversions import (
    Agreement,
    ConversionEntry,
    ConversionFailed,
    ConversionTarget,
    Converted,
    Converting,
)
from spark_engine.types.models import VariantEntry
from spark_engine.types.state import (
    ComponentChanged,
    ConversionChanged,
    ConversionDropped,
    ModelsListed,
    StateSnapshot,
)
from tests.gui.conftest import Stage, choose, until
from tests.gui.library import CPU, LLAMA, OWN, library, state_of
from tests.gui.states import NANO

LEFT = Qt.MouseButton.LeftButton
CONVERT = ComponentEntry("convert", "Model conversion", (), True, 280_000_000, Missing())
NO_ROOM = "This conversion takes about 31.2 GB of memory; 9.0 GB are free."
TARGETS = (
    ConversionTarget("qwen:gguf-f16", "gguf", "F16", 8_000_000_000, obstacle=NO_ROOM),
    ConversionTarget("qwen:gguf-q4_0", "gguf", "Q4_0", 300_000_000, here=True),
    ConversionTarget("qwen:gguf-q4_k_m", "gguf", "Q4_K_M", 310_000_000),
    ConversionTarget("qwen:onnx-int4", "onnx", "int4", 320_000_000, missing=("convert",)),
)
MADE, AGREES = "qwen:gguf-q4_k_m", Agreement(2048, 0.9931, 0.0042, 8, 7)


@pytest.fixture
def page(stage: Stage, base: BaseDir) -> ModelsPage:
    stage.client.replies["targets"] = TARGETS
    stage.feed(StateSnapshot(state_of(folder=str(base.models))), ComponentChanged(CONVERT))
    stage.store.set_link(Connected(True))
    stage.window.go("models")
    assert isinstance(stage.window.page, ModelsPage)
    return stage.window.page


def row(page: ModelsPage, id: str = OWN) -> VariantRow:
    return page.cards[id.partition(":")[0]].rows[id]


async def opened(page: ModelsPage, qtbot: Any) -> ConvertPanel:
    choose(qtbot, row(page), "Convert…")
    panel = row(page).panels.convert
    assert panel is not None
    await until(lambda: panel.choice.isVisible(), what="the targets")
    return panel


def running(fraction: float = 0.4, id: str = MADE) -> ConversionChanged:
    return ConversionChanged(ConversionEntry(id, OWN, Converting(fraction, "writing tensors")))


async def test_what_can_begin_is_chosen_first_and_begins(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    panel = await opened(page, qtbot)
    assert [panel.choice.itemText(at) for at in range(4)] == [
        "GGUF · F16, about 8.0 GB",
        "GGUF · Q4_0, about 300 MB (here already)",
        "GGUF · Q4_K_M, about 310 MB",
        "ONNX · int4, about 320 MB",
    ]
    assert panel.target == TARGETS[2]
    assert stage.window.focusWidget() is panel.choice
    qtbot.mouseClick(panel.begin, LEFT)
    await until(lambda: ("convert", OWN, "gguf", "Q4_K_M") in stage.client.calls)
    assert panel.isHidden()


async def test_what_is_in_the_way_is_said(page: ModelsPage, qtbot: Any) -> None:
    panel = await opened(page, qtbot)
    panel.choice.setCurrentIndex(0)
    assert (panel.words.text(), panel.begin.isEnabled()) == (NO_ROOM, False)
    panel.choice.setCurrentIndex(1)
    assert "here already" in panel.words.text()
    assert not panel.begin.isEnabled()


async def test_a_missing_component_is_installed_from_here(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    panel = await opened(page, qtbot)
    panel.choice.setCurrentIndex(3)
    assert "“Model conversion”, not installed yet (280 MB to download)" in panel.words.text()
    assert panel.begin.isHidden()
    qtbot.mouseClick(panel.install, LEFT)
    await until(lambda: ("install_component", "convert") in stage.client.calls)
    stage.feed(ComponentChanged(replace(CONVERT, status=Installing(0.3, "fetching torch"))))
    assert panel.installing.isVisible()
    assert panel.install.isHidden()
    stage.client.replies["targets"] = (*TARGETS[:3], replace(TARGETS[3], missing=()))
    stage.feed(ComponentChanged(replace(CONVERT, status=Verified("1"))))
    await until(lambda: panel.begin.isVisible() and panel.begin.isEnabled())
    assert panel.target is not None
    assert panel.target.id == "qwen:onnx-int4", "the choice stays"
    assert panel.installing.isHidden()


async def test_what_can_never_be_converted_says_why(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    stage.client.answers["targets"] = Conflict(
        "conversion_fixed", "Models cannot be converted here", "Packaged."
    )
    choose(qtbot, row(page), "Convert…")
    panel = row(page).panels.convert
    assert panel is not None
    await until(lambda: "cannot be converted here" in panel.words.text())
    assert panel.choice.isHidden()
    assert panel.begin.isHidden()


def test_only_what_could_become_something_offers_it(page: ModelsPage) -> None:
    offered = {id: "convert" in {e.key for e in row(page, id)._menu()} for id in (OWN, LLAMA, NANO, CPU)}
    assert offered == {OWN: True, LLAMA: True, NANO: False, CPU: False}


async def test_progress_stands_below_the_original_and_can_be_cancelled(
    stage: Stage, page: ModelsPage, qtbot: Any
) -> None:
    assert "panels" not in row(page).__dict__
    stage.feed(running())
    shown = row(page).panels.conversions[MADE]
    await until(shown.progress.isVisible)
    assert shown.progress._step._whole == "Converting to GGUF · Q4_K_M: writing tensors, 40%"
    qtbot.mouseClick(shown.progress._cancel, LEFT)
    await until(lambda: stage.client.calls == [("cancel_conversion", MADE)])
    stage.feed(ConversionDropped(MADE))
    assert row(page).panels.conversions == {}


async def test_a_failure_says_why_until_it_is_dismissed(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    failed = ConversionFailed(
        "conversion_crashed", "The converter crashed", "It said nothing.", "Run `x`.", "last"
    )
    stage.feed(running(), ConversionChanged(ConversionEntry(MADE, OWN, failed)))
    shown = row(page).panels.conversions[MADE]
    assert shown.progress.isHidden()
    assert shown.message.text().replace("\u200b", "") == (
        "It did not become GGUF · Q4_K_M: The converter crashed. It said nothing."
    )
    assert shown.remedy.text() == "Run “x”."
    qtbot.mouseClick(shown.copy, LEFT)
    assert "code: conversion_crashed" in QGuiApplication.clipboard().text()
    assert "last" in QGuiApplication.clipboard().text()
    qtbot.mouseClick(shown.dismiss, LEFT)
    await until(lambda: ("cancel_conversion", MADE) in stage.client.calls)


def test_what_was_made_tells_how_well_it_agrees(stage: Stage, page: ModelsPage, base: BaseDir) -> None:
    models = library(str(base.models))
    qwen = models["qwen"]
    made = VariantEntry(
        MADE, "gguf", "Q4_K_M", 310, qwen.variants[0].status, "/m", made_from=OWN, agreement=AGREES
    )
    stage.feed(
        running(1.0),
        ConversionChanged(ConversionEntry(MADE, OWN, Converted(12.0, AGREES))),
        ModelsListed(models | {"qwen": replace(qwen, variants=(*qwen.variants, made))}),
    )
    agreement = row(page, MADE).facts.agreement
    assert agreement.isVisible()
    assert agreement.word == "agrees 99.3% with GGUF · Q8_0"
    assert "0.0042 nats" in agreement.accessibleDescription()
    assert row(page).facts.agreement.isHidden()


def test_agreement_in_words() -> None:
    made = VariantEntry(MADE, "gguf", "Q4_K_M", 1, Missing(), made_from="q:safetensors")  # type: ignore[arg-type]
    assert agreement_badge(made) == "made from SafeTensors, not compared"
    assert "could not be compared" in agreement_detail(made)
    assert [percent(share) for share in (1.0, 0.99996, 0.5)] == ["100%", "99.9%", "50.0%"]
    assert kind_words("a:onnx-int4-cpu") == "ONNX · int4-cpu"


def test_the_end_is_told_once_with_the_figures(stage: Stage, page: ModelsPage) -> None:
    notices = ConversionNotices(stage.store, stage.board)
    over = ConversionChanged(ConversionEntry(MADE, OWN, Converted(12.0, AGREES)))
    stage.feed(over)
    assert stage.board.notices == [], "nobody saw it running"
    stage.feed(running(), over, over)
    (told,) = stage.board.notices
    assert told.title == "Qwen is here as GGUF · Q4_K_M"
    assert "99.3%" in told.text
    failed = ConversionFailed("no_space", "Not enough disk space", "Full.", "Free `some`.")
    stage.feed(running(), ConversionChanged(ConversionEntry(MADE, OWN, failed)))
    (told,) = stage.board.notices
    assert (told.tone, told.remedy) == ("bad", "Free “some”.")
    stage.feed(ConversionDropped(MADE))
    assert stage.board.notices == []
    assert notices
