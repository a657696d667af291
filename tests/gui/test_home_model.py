"""Home's second step: Phi-4-mini from the offer over the download to the moment it answers."""

from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt

from app.dashboard.home_page import HomePage
from app.dashboard.model_step import ModelStep
from app.link import Connected, Stopped
from spark_engine.types.downloads import DownloadFailed, Fetching, Paused
from spark_engine.types.models import Loading, Unloaded, VariantStatus
from spark_engine.types.state import DownloadChanged, ModelsListed, StateSnapshot
from tests.gui.conftest import Stage, until
from tests.gui.library import CPU, LARGE, download, phi, state_of
from tests.gui.states import READY, sample_models

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def shown(stage: Stage) -> ModelStep:
    stage.feed(StateSnapshot(state_of()))
    stage.store.set_link(Connected(True))
    assert isinstance(stage.window.page, HomePage)
    return stage.window.page.model_step


def become(stage: Stage, status: VariantStatus) -> None:
    """Phi-4-mini is on this machine, in this state."""
    entry = phi()
    here = replace(entry.variants[0], status=status, path="/base/models/phi")
    stage.feed(ModelsListed({"phi-4-mini": replace(entry, variants=(here, *entry.variants[1:]))}))


async def test_it_is_offered_with_what_this_machine_will_reach(
    stage: Stage, shown: ModelStep, qtbot: Any
) -> None:
    assert (shown.title.text(), shown.button.text()) == ("Get Phi-4-mini", "Download 4.9 GB")
    assert "fits this machine and writes about 9 tok/s" in shown.text.text()
    qtbot.mouseClick(shown.button, LEFT)
    assert not shown.button.isEnabled()
    await until(lambda: stage.client.calls == [("download", CPU, "load=True")])


async def test_its_download_can_be_watched_paused_and_repeated(
    stage: Stage, shown: ModelStep, qtbot: Any
) -> None:
    stage.feed(DownloadChanged(download(Fetching(35e6, 106.0))))
    assert shown.button.isHidden()
    assert shown.download.bar.words._whole == "1.2 of 4.9 GB · 35 MB/s · about 2 min left"
    qtbot.mouseClick(shown.download.bar.step, LEFT)
    await until(lambda: stage.client.calls == [("pause_download", CPU)])
    stage.feed(DownloadChanged(download(Paused())))
    assert "stands still" in shown.text.text()
    stage.feed(DownloadChanged(download(DownloadFailed("c", "The disk is full", "No room.", "Free some."))))
    assert shown.download.bar.message.text() == "The disk is full. No room."


def test_it_is_done_when_it_is_ready(stage: Stage, shown: ModelStep) -> None:
    become(stage, Loading(0.4, "reading weights"))
    assert shown.loading.isVisible()
    assert shown.download.isHidden()
    become(stage, Unloaded())
    assert (shown.title.text(), shown.button.text()) == ("Phi-4-mini is here", "Load")
    become(stage, READY)
    assert shown.loading.isHidden()
    assert shown.button.isHidden()
    assert shown.text.text().startswith("Ready on CPU")
    assert shown._glyph == "check-circle"


def test_what_does_not_fit_is_not_offered(stage: Stage, shown: ModelStep) -> None:
    entry = phi()
    variants = tuple(replace(v, fit=LARGE) for v in entry.variants)
    stage.feed(ModelsListed({"phi-4-mini": replace(entry, variants=variants)}))
    assert shown.button.isHidden()
    assert "more memory" in shown.text.text()


def test_without_the_model_or_the_engine_it_leads_to_the_list(
    stage: Stage, shown: ModelStep, qtbot: Any
) -> None:
    stage.feed(ModelsListed({"spark-nano": sample_models()["spark-nano"]}))
    assert shown.title.text() == "Choose a model"
    stage.store.set_link(Stopped())
    assert (shown.title.text(), shown.button.isHidden()) == ("Choose a model", True)
    qtbot.mouseClick(shown.open_models, LEFT)
    assert stage.window.rail.buttons["models"].isChecked()
