"""The window against the real engine and the tests' hub: download by a click, pause, go on, load, remove."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.dashboard.home_page import HomePage
from app.dashboard.models_page import ModelsPage
from app.desktop import Desktop
from spark_engine.paths import BaseDir
from spark_engine.types.downloads import DownloadFailed, Fetching, Paused
from spark_engine.types.models import NotInstalled, Ready
from spark_engine.types.state import find_variant
from tests.gui.conftest import choose, press, running, until
from tests.gui.library import CPU
from tests.support.downloading import WEIGHTS
from tests.support.hub_mirror import Fault, HubMirror, add_phi_onnx

SLOW = 700_000


@pytest.fixture
def hub() -> Iterator[HubMirror]:
    with HubMirror(bytes_per_second=SLOW) as hub:
        add_phi_onnx(hub)
        yield hub


@pytest.fixture
def hub_base(base: BaseDir, free_port: int, hub: HubMirror, monkeypatch: pytest.MonkeyPatch) -> BaseDir:
    """A base directory whose engine fetches from the tests' hub, and nothing by itself."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    ports = f"port = {free_port}\nhealth_port = 0\nmetrics_port = 0"
    models = 'preload = false\nother_apps = false\ndefault = "spark-nano"'
    base.settings_file.write_text(f'[server]\n{ports}\n[models]\n{models}\n[hub]\nendpoint = "{hub.url}"\n')
    return base


def status(desktop: Desktop) -> object:
    found = find_variant(desktop.store.state, CPU) if desktop.store.state else None
    return found.status if found else None


def coming(desktop: Desktop) -> object:
    download = desktop.store.state.downloads.get(CPU) if desktop.store.state else None
    return download.status if download else None


@pytest.mark.slow
async def test_from_the_offer_to_a_model_that_answers(hub_base: BaseDir, qtbot: Any) -> None:
    async with running(hub_base, qtbot) as desktop:
        home = desktop.window.page
        assert isinstance(home, HomePage)
        await until(lambda: home.model_step.button.isVisible(), 60, "the offer")
        await press(qtbot, home.model_step.button, "Download")
        await until(lambda: isinstance(coming(desktop), Fetching), 60, "bytes arrive")
        await until(home.model_step.download.isVisible, 60)

        desktop.window.go("models")
        models = desktop.window.page
        assert isinstance(models, ModelsPage)
        row = models.cards["phi-4-mini"].rows[CPU]
        await until(lambda: " of " in row.download.bar.words._whole, 60, "progress")
        await press(qtbot, row.download.bar.step, "Pause")
        await until(lambda: isinstance(coming(desktop), Paused), 60, "paused")
        await press(qtbot, row.download.bar.step, "Resume")
        await until(lambda: isinstance(status(desktop), Ready), 60, "it is loaded")
        await until(lambda: row.chip.word == "ready" and row.facts.checked.isVisible(), 60, "the tick")
        assert [n.title for n in desktop.board.notices if n.tone == "ok"] == ["Phi-4-mini is downloaded"]

        choose(qtbot, row, "Remove…")
        await press(qtbot, row.question.go_on)
        await until(lambda: isinstance(status(desktop), NotInstalled), 60, "it is gone")
        await until(lambda: row.button.text().startswith("Download"), 60)
        assert not (hub_base.models / "phi-4-mini" / "onnx-int4-cpu").exists()


@pytest.mark.slow
async def test_a_failed_download_goes_on_when_it_is_tried_again(
    hub_base: BaseDir, hub: HubMirror, qtbot: Any
) -> None:
    hub.fault(WEIGHTS, Fault("status", status=403, times=20))
    async with running(hub_base, qtbot) as desktop:
        desktop.window.go("models")
        models = desktop.window.page
        assert isinstance(models, ModelsPage)
        await until(lambda: "phi-4-mini" in models.cards, 60)
        row = models.cards["phi-4-mini"].rows[CPU]
        await press(qtbot, row.button, "Download")
        await until(lambda: isinstance(coming(desktop), DownloadFailed), 60, "it fails")
        await until(lambda: row.download.bar.message.isVisible(), 60)
        assert desktop.board.notices[-1].title == "The download of Phi-4-mini has stopped"
        hub.faults.clear()
        await press(qtbot, row.download.bar.step, "Try again")
        await until(lambda: isinstance(status(desktop), Ready), 60, "it is loaded")
        await until(lambda: not any(n.tone == "bad" for n in desktop.board.notices), 60)
