"""The window against the real engine and a gated repository: what it offers, a token, the download, options, a copy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt

from app.dashboard.models_page import ModelsPage
from app.desktop import Desktop
from spark_engine.paths import BaseDir, resources
from spark_engine.types.models import LoadFailed, Ready, Unloaded, VariantEntry
from spark_engine.types.options import LoadOptions
from spark_engine.types.state import find_variant
from tests.gui.conftest import choose, press, running, until
from tests.support.hub_mirror import HubMirror

NAME, ID, TOKEN = "org/tiny-GGUF", "tiny:gguf-q8_0", "hf_goodgoodgoodgood"


@pytest.fixture
def hub() -> Iterator[HubMirror]:
    with HubMirror() as hub:
        file = next((resources() / "spark_nano" / "gguf-q8_0").glob("*.gguf"))
        hub.add(NAME, {"tiny-Q8_0.gguf": file}, gated="manual", token=TOKEN)
        yield hub


@pytest.fixture
def hub_base(base: BaseDir, free_port: int, hub: HubMirror, monkeypatch: pytest.MonkeyPatch) -> BaseDir:
    """A base directory whose engine fetches from the tests' hub, on a machine without a keyring."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    ports = f"port = {free_port}\nhealth_port = 0\nmetrics_port = 0"
    models = 'preload = false\nother_apps = false\ndefault = "spark-nano"'
    base.settings_file.write_text(f'[server]\n{ports}\n[models]\n{models}\n[hub]\nendpoint = "{hub.url}"\n')
    return base


def variant(desktop: Desktop, id: str = ID) -> VariantEntry | None:
    return find_variant(desktop.store.state, id) if desktop.store.state else None


async def models_page(desktop: Desktop) -> ModelsPage:
    desktop.window.go("models")
    page = desktop.window.page
    assert isinstance(page, ModelsPage)
    await until(lambda: "spark-nano" in page.cards, 60, "the cards")
    return page


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.component("gguf")
async def test_a_gated_model_from_its_name_to_its_options(
    hub_base: BaseDir, hub: HubMirror, qtbot: Any, tmp_path: Path
) -> None:
    async with running(hub_base, qtbot) as desktop:
        page = await models_page(desktop)
        add = page.head.add
        qtbot.keyClicks(add.field, NAME)
        qtbot.keyClick(add.field, Qt.Key.Key_Return)
        await until(lambda: add.token.isVisible() and add.token.page.text(), 60, "the hub asks who it is")
        assert not hub.sent
        add.token.field.setText("hf_badbadbadbadbad")
        await press(qtbot, add.token.save)
        await until(lambda: add.token.title._whole == "Another token is needed", 60, "the token is refused")
        add.token.field.setText(TOKEN)
        await press(qtbot, add.token.save)
        await until(add.offer.isVisible, 60, "the offer")
        offered = add.offer.rows["gguf-q8_0"]
        size = hub.repositories[NAME].files["tiny-Q8_0.gguf"].size
        assert offered.variant.size_bytes == size
        assert not hub.sent, "nothing is fetched before it is asked for"

        await until(lambda: offered.component is None, 60, "llama.cpp is known to be here")
        await press(qtbot, offered.button, "Download")
        await until(lambda: (v := variant(desktop)) and isinstance(v.status, Ready), 90, "it is loaded")
        await until(lambda: offered.state.text() == "is here", 60)

        row = page.cards["tiny"].rows[ID]
        choose(qtbot, row, "Load options…")
        panel = row.panels.options
        assert panel is not None
        await until(panel.badge.isVisible, 60, "the fit")
        panel.table.lines["context"].field.setText("99999999")  # type: ignore[union-attr]
        trouble = panel.table.lines["context"].trouble
        await until(lambda: trouble.isVisible() and "must be from" in trouble.text(), 60, "the range")
        panel.table.lines["context"].field.setText("512")  # type: ignore[union-attr]
        await until(lambda: panel.badge.isVisible() and "context of 512" in panel.figures.text(), 60)
        await press(qtbot, panel.save)
        await until(lambda: "unload and load it" in panel.told.text(), 60, "saved")
        assert (await desktop.client.options(ID)).saved == LoadOptions(context=512)

        await press(qtbot, page.head.free)
        await until(
            lambda: (v := variant(desktop)) and isinstance(v.status, Unloaded), 60, "its memory is free"
        )
        await press(qtbot, row.button, "Load")
        await until(lambda: (v := variant(desktop)) and isinstance(v.status, Ready | LoadFailed), 90)
        status = variant(desktop)
        assert status is not None
        assert isinstance(status.status, Ready), status.status
        assert status.status.context == 512


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.component("gguf")
async def test_a_folder_a_copy_and_a_conversion(hub_base: BaseDir, qtbot: Any, tmp_path: Path) -> None:
    file = next((resources() / "spark_nano" / "gguf-q8_0").glob("*.gguf"))
    folder = tmp_path / "mine" / "copy"
    folder.mkdir(parents=True)
    (folder / "copy-q8_0.gguf").write_bytes(file.read_bytes())
    async with running(hub_base, qtbot) as desktop:
        page = await models_page(desktop)
        desktop.actions.adopt_and_tell(str(tmp_path / "mine"))
        await until(lambda: any(n.id.startswith("adopted") for n in desktop.board.notices), 60, "it is told")
        assert desktop.board.notices[-1].title == "1 model is used where it lies"

        duplicates = page.head.duplicates
        duplicates.search()
        await until(duplicates.close_button.isVisible, 60, "the search is over")
        assert duplicates.summary.text().startswith("1 file lies here more than once")

        nano = page.cards["spark-nano"].rows["spark-nano:gguf-q8_0"]
        choose(qtbot, nano, "Convert…")
        panel = nano.panels.convert
        assert panel is not None
        await until(panel.choice.isVisible, 60, "the targets")
        wanted = [t.id for t in panel._targets].index("spark-nano:gguf-q4_k_m")
        panel.choice.setCurrentIndex(wanted)
        await press(qtbot, panel.begin)
        made = "spark-nano:gguf-q4_k_m"
        await until(lambda: variant(desktop, made), 200, "the new variant")
        await until(lambda: made in page.cards["spark-nano"].rows, 60)
        agreement = page.cards["spark-nano"].rows[made].facts.agreement
        assert agreement.word.startswith("agrees 9")
        assert agreement.word.endswith("with GGUF · Q8_0")
        assert any("is here as GGUF · Q4_K_M" in n.title for n in desktop.board.notices)
