"""Downloads on the Models page: one click begins, every state is shown, each button asks for what it says."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.dashboard.models_page import ModelsPage
from app.dashboard.variant_row import VariantRow
from app.link import Connected
from spark_engine.errors import Conflict
from spark_engine.paths import BaseDir
from spark_engine.types.downloads import DownloadFailed, Fetched, Fetching, Paused, Preparing
from spark_engine.types.models import Loading, ModelEntry, Unloaded
from spark_engine.types.state import DownloadChanged, DownloadDropped, ModelsListed, StateSnapshot
from tests.gui.conftest import Stage, until
from tests.gui.library import CPU, FULL, GPU, download, library, phi, state_of

LEFT = Qt.MouseButton.LeftButton
RUNNING = Fetching(35e6, 106.0)
FAILED = DownloadFailed("disk_full", "The disk is full", "2.1 GB more are needed.", "Run `df`.")


@pytest.fixture
def page(stage: Stage, base: BaseDir) -> ModelsPage:
    stage.feed(StateSnapshot(state_of(folder=str(base.models))))
    stage.store.set_link(Connected(True))
    stage.window.go("models")
    assert isinstance(stage.window.page, ModelsPage)
    return stage.window.page


def row(page: ModelsPage, id: str = CPU) -> VariantRow:
    return page.cards[id.partition(":")[0]].rows[id]


def installed(models: dict[str, ModelEntry], id: str = CPU) -> dict[str, ModelEntry]:
    entry = models["phi-4-mini"]
    here = tuple(
        replace(v, status=Unloaded(), path="/base/models/phi") if v.id == id else v for v in entry.variants
    )
    return models | {"phi-4-mini": replace(entry, variants=here)}


async def test_one_click_downloads_and_loads(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    stage.client.gate = asyncio.Event()
    button = row(page).button
    assert button.text() == "Download 4.9 GB"
    assert "Phi-4-mini" in button.accessibleName()
    qtbot.mouseClick(button, LEFT)
    assert not button.isEnabled()
    stage.client.gate.set()
    await until(button.isEnabled)
    assert stage.client.calls == [("download", CPU, "load=True")]


def test_only_the_variant_to_take_is_the_primary_action(stage: Stage, page: ModelsPage) -> None:
    assert [row(page, id).button.property("look") for id in (CPU, GPU, FULL)] == ["primary", "", ""]
    stage.feed(ModelsListed(installed(library())))
    assert row(page).button.text() == "Load"
    assert [row(page, id).button.property("look") for id in (CPU, GPU, FULL)] == ["", "", ""]


def test_of_many_models_only_the_first_has_a_primary_action(stage: Stage, page: ModelsPage) -> None:
    second = replace(phi(), id="other", name="Other")
    variants = tuple(replace(v, id=v.id.replace("phi-4-mini", "other")) for v in second.variants)
    stage.feed(ModelsListed({"other": replace(second, variants=variants), "phi-4-mini": phi()}))
    assert row(page).button.property("look") == "primary"
    assert row(page, "other:onnx-int4-cpu").button.property("look") == ""


def test_what_does_not_fit_is_not_recommended(stage: Stage, page: ModelsPage) -> None:
    entry = phi()
    stage.feed(ModelsListed({"phi-4-mini": replace(entry, variants=entry.variants[::-1])}))
    assert [row(page, id).button.property("look") for id in (FULL, GPU, CPU)] == ["", "primary", ""]


async def test_a_refusal_is_told_and_the_button_is_there_again(
    stage: Stage, page: ModelsPage, qtbot: Any
) -> None:
    stage.client.answers["download"] = Conflict("disk_full", "Not enough room", "4.9 GB do not fit.")
    qtbot.mouseClick(row(page).button, LEFT)
    await until(lambda: stage.board.notices)
    assert stage.board.notices[0].title == "Not enough room"
    assert row(page).button.isEnabled()


def test_progress_is_told_in_bytes_speed_and_time(stage: Stage, page: ModelsPage) -> None:
    row(page).button.setFocus()
    stage.feed(DownloadChanged(download(Preparing("asking what the repository holds"), 0, total=0)))
    shown = row(page)
    assert shown.download.bar.words._whole == "Asking what the repository holds"
    assert shown.button.isHidden()
    assert shown.download.bar.step.hasFocus()
    stage.feed(DownloadChanged(download(RUNNING)))
    bar = shown.download.bar
    assert bar.words._whole == "1.2 of 4.9 GB · 35 MB/s · about 2 min left"
    assert bar.bar._fraction == pytest.approx(0.243, abs=0.001)
    assert (shown.chip.word, bar.step.text().strip()) == ("downloading", "Pause")
    assert "Phi-4-mini" in bar.step.accessibleName()
    assert "Phi-4-mini" in bar.drop.accessibleName()
    assert "1.2 of 4.9 GB" in bar.bar.accessibleName()


def test_waiting_for_the_network_is_said(stage: Stage, page: ModelsPage) -> None:
    stage.feed(DownloadChanged(download(Fetching(0.0, None, "waiting for the network"))))
    assert row(page).download.bar.words._whole == "1.2 of 4.9 GB · waiting for the network"
    assert (row(page).chip.word, row(page).chip._tone) == ("waiting", "warn")


async def test_pause_resume_and_cancel_ask_for_what_they_say(
    stage: Stage, page: ModelsPage, qtbot: Any
) -> None:
    stage.feed(DownloadChanged(download(RUNNING, 5e6)))
    bar = row(page).download.bar
    stage.client.gate = asyncio.Event()
    qtbot.mouseClick(bar.step, LEFT)
    assert not bar.step.isEnabled()
    assert not bar.drop.isEnabled()
    stage.client.gate.set()
    await until(bar.step.isEnabled)
    stage.feed(DownloadChanged(download(Paused(), 5e6)))
    assert (bar.words._whole, bar.step.text().strip()) == ("Paused · 5.0 MB of 4.9 GB", "Resume")
    qtbot.mouseClick(bar.step, LEFT)
    await until(lambda: len(stage.client.calls) == 2 and bar.step.isEnabled())
    qtbot.mouseClick(bar.drop, LEFT)
    await until(lambda: len(stage.client.calls) == 3)
    assert [call[0] for call in stage.client.calls] == [
        "pause_download",
        "resume_download",
        "cancel_download",
    ]
    assert {call[1] for call in stage.client.calls} == {CPU}
    stage.feed(DownloadDropped(CPU))
    assert row(page).download.isHidden()
    assert row(page).button.text() == "Download 4.9 GB"


async def test_dropping_what_took_long_is_asked_first(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    stage.feed(DownloadChanged(download(RUNNING)))
    coming = row(page).download
    qtbot.mouseClick(coming.bar.drop, LEFT)
    assert "1.2 GB" in coming.question.words.text()
    assert coming.question.keep.hasFocus()
    qtbot.keyClick(coming.question.keep, Qt.Key.Key_Escape)
    assert coming.question.isHidden()
    assert coming.bar.drop.hasFocus()
    assert stage.client.calls == []
    qtbot.mouseClick(coming.bar.drop, LEFT)
    qtbot.mouseClick(coming.question.go_on, LEFT)
    await until(lambda: stage.client.calls == [("cancel_download", CPU)])
    assert coming.question.isHidden()


async def test_a_failure_says_why_keeps_its_bytes_and_goes_on(
    stage: Stage, page: ModelsPage, qtbot: Any
) -> None:
    stage.feed(DownloadChanged(download(FAILED)))
    bar = row(page).download.bar
    assert bar.words._whole == "1.2 of 4.9 GB kept"
    assert bar.message.text() == "The disk is full. 2.1 GB more are needed."
    assert bar.remedy.text() == "Run “df”."
    assert row(page).chip.word == "failed"
    qtbot.mouseClick(bar.copy, LEFT)
    assert "code: disk_full" in QGuiApplication.clipboard().text()
    assert bar.step.text().strip() == "Try again"
    qtbot.mouseClick(bar.step, LEFT)
    await until(lambda: ("resume_download", CPU) in stage.client.calls)
    stage.feed(DownloadChanged(download(RUNNING)))
    assert bar.message.isHidden()
    assert bar.copy.isHidden()


def test_what_has_arrived_bears_a_tick(stage: Stage, page: ModelsPage) -> None:
    stage.feed(
        DownloadChanged(download(Fetched(143.0), 4.93e9)),
        ModelsListed(installed(library())),
    )
    shown = row(page)
    assert shown.facts.checked.isVisible()
    assert "revision f3f7a3c9d1e2" in shown.facts.checked.toolTip()
    assert "hash" in shown.facts.checked.accessibleDescription()
    assert "download" not in shown.__dict__
    assert shown.button.text() == "Load"
    loading = installed(library())
    entry = loading["phi-4-mini"]
    variants = tuple(
        replace(v, status=Loading(0.4, "reading weights")) if v.id == CPU else v for v in entry.variants
    )
    stage.feed(ModelsListed(loading | {"phi-4-mini": replace(entry, variants=variants)}))
    assert shown.loading.isVisible()


def test_what_arrived_and_was_deleted_can_be_fetched_again(stage: Stage, page: ModelsPage) -> None:
    stage.feed(DownloadChanged(download(Fetched(143.0), 4.93e9)))
    shown = row(page)
    assert (shown.button.text(), shown.chip.word) == ("Download 4.9 GB", "not downloaded")
    assert shown.facts.checked.isHidden()


async def test_a_download_of_an_unknown_model_has_a_card(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    stray = download(RUNNING, 2e6, "mistral:gguf-q4")
    stage.feed(DownloadChanged(stray))
    card = page.coming["mistral:gguf-q4"]
    assert card._name._whole == "mistral:gguf-q4"
    qtbot.mouseClick(card.row.bar.step, LEFT)
    await until(lambda: stage.client.calls == [("pause_download", "mistral:gguf-q4")])
    stage.feed(DownloadChanged(replace(stray, status=Fetched(3.0))))
    assert card.row.isHidden()
    assert "every file was checked" in card._over.text()
    stage.feed(DownloadDropped("mistral:gguf-q4"))
    assert page.coming == {}


def test_a_download_stays_where_it_was_while_the_engine_is_away(stage: Stage, page: ModelsPage) -> None:
    stage.feed(DownloadChanged(download(RUNNING)))
    shown = row(page)
    stage.feed(
        StateSnapshot(state_of(None, download(Paused()), folder=str(stage.window.context.base.models)))
    )
    assert row(page) is shown
    assert shown.download.bar.words._whole == "Paused · 1.2 of 4.9 GB"
