"""The library on the Models page: what fits, whose files they are, what is not trusted, removing, finding, adding."""

from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices, QGuiApplication

from app.dashboard.add_model import repository_name
from app.dashboard.models_page import ModelsPage
from app.dashboard.variant_row import VariantRow
from app.fit_words import fit_badge, outlook, speed_words
from app.headline import loadable
from app.link import Connected
from app.tray_menu import menu_entries
from spark_engine.paths import BaseDir
from spark_engine.types.state import StateSnapshot, VariantChanged
from tests.gui.conftest import Stage, choose, until
from tests.gui.library import CPU, EVIL, FITS, FULL, GPU, LARGE, LESS, LLAMA, OWN, state_of
from tests.gui.states import NANO, READY

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(stage: Stage, base: BaseDir) -> ModelsPage:
    stage.feed(StateSnapshot(state_of(folder=str(base.models))))
    stage.store.set_link(Connected(True))
    stage.window.go("models")
    assert isinstance(stage.window.page, ModelsPage)
    return stage.window.page


def row(page: ModelsPage, id: str = CPU) -> VariantRow:
    return page.cards[id.partition(":")[0]].rows[id]


def lines(qtbot: Any, shown: VariantRow) -> list[str]:
    """The words of the overflow menu."""
    qtbot.mouseClick(shown.more, LEFT)
    menu = shown.more.menu_shown
    assert menu is not None
    found = [action.text() for action in menu.actions()]
    menu.close()
    return found


def test_fit_and_speed_in_words() -> None:
    assert [fit_badge(fit).word for fit in (FITS, LESS, LARGE)] == [
        "fits",
        "fits with 8k context",
        "needs 3.0 GB more",
    ]
    assert [speed_words(fit) for fit in (FITS, LESS, LARGE)] == ["about 9 tok/s", "9.4 tok/s measured", ""]
    assert [speed_words(replace(FITS, tokens_per_second=rate)) for rate in (0.43, 268.0)] == [
        "about 0.4 tok/s",
        "about 270 tok/s",
    ]
    assert outlook(FITS) == "It fits this machine and writes about 9 tok/s."
    assert "8k tokens" in outlook(LESS)
    assert outlook(LARGE) == "It needs 3.0 GB of memory more than is free now."
    assert "3.4 GB free after" in fit_badge(FITS).detail
    assert "after" not in fit_badge(LARGE).detail


def test_the_badge_stands_in_the_row_until_it_is_loaded(stage: Stage, page: ModelsPage) -> None:
    facts = row(page, GPU).facts
    assert (facts.fit.word, facts.speed.text()) == ("fits with 8k context", "9.4 tok/s measured")
    assert "5.6 GB" in facts.fit.accessibleDescription()
    assert row(page, FULL).facts.fit.word == "needs 3.0 GB more"
    assert row(page, OWN).facts.fit.isVisible()
    stage.feed(VariantChanged(OWN, READY))
    assert row(page, OWN).facts.fit.isHidden()


def test_whose_files_they_are(page: ModelsPage) -> None:
    origins = {id: row(page, id).facts.origin._whole for id in (NANO, LLAMA, EVIL, OWN, CPU)}
    assert origins == {
        NANO: "comes with Spark",
        LLAMA: "from Ollama",
        EVIL: "from Hugging Face",
        OWN: "in Spark's folder",
        CPU: "",
    }


def test_files_that_are_not_trusted_are_never_offered(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    shown = row(page, EVIL)
    assert shown.chip.word == "not trusted"
    assert shown.button.isHidden()
    assert shown.facts.fit.isHidden()
    assert "99 billion tensors" in shown._detail.text()
    qtbot.mouseClick(shown.copy_details, LEFT)
    assert "/h/model.gguf" in QGuiApplication.clipboard().text()
    state = stage.store.state
    assert state is not None
    told = menu_entries(stage_headline(), state, ())
    assert not any("Unknown" in entry.words for entry in told)
    assert loadable(replace(state, default_model="evil")) is None
    stage.window.go("chat")
    assert stage.window.page.picker.findData(EVIL) == -1  # type: ignore[attr-defined]
    assert stage.window.page.picker.findData(LLAMA) > 0  # type: ignore[attr-defined]


def stage_headline() -> Any:
    from app.headline import Headline

    return Headline("ready", "Ready", "Ready.")


async def test_own_files_are_deleted_after_a_question(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    choose(qtbot, row(page, OWN), "Remove…")
    question = row(page, OWN).question
    assert question.words.text() == (
        "Delete Qwen, GGUF · Q8_0 from this disk? 530 MB come free. It can be downloaded again."
    )
    assert question.keep.hasFocus()
    qtbot.keyClick(question.keep, Qt.Key.Key_Escape)
    assert question.isHidden()
    assert stage.client.calls == []
    stage.feed(VariantChanged(OWN, READY))
    choose(qtbot, row(page, OWN), "Remove…")
    assert question.words.text().endswith("It is unloaded first.")
    assert question.go_on.text() == "Delete 530 MB"
    qtbot.mouseClick(question.go_on, LEFT)
    await until(lambda: stage.client.calls == [("remove_model", OWN)])


async def test_others_files_are_only_forgotten(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    choose(qtbot, row(page, LLAMA), "Forget…")
    question = row(page, LLAMA).question
    assert "the files stay with Ollama" in question.words.text()
    qtbot.mouseClick(question.go_on, LEFT)
    await until(lambda: stage.client.calls == [("remove_model", LLAMA)] and stage.board.notices)
    notice = stage.board.notices[-1]
    assert notice.title == "Llama 3.2, GGUF · Q4_K_M is no longer listed"
    assert notice.action is not None
    notice.action.act()
    await until(lambda: stage.client.calls[-1] == ("adopt", "/o/blobs/sha256-1"))


def test_the_menu_offers_what_can_be_done(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    assert not any(words.startswith(("Remove", "Forget")) for words in lines(qtbot, row(page, NANO)))
    assert "Show in folder" not in lines(qtbot, row(page, CPU))
    choose(qtbot, row(page, LLAMA), "Copy name for apps")
    assert QGuiApplication.clipboard().text() == LLAMA
    choose(qtbot, row(page, CPU), "Copy repository")
    assert QGuiApplication.clipboard().text() == "microsoft/Phi-4-mini-instruct-onnx"


def test_a_folder_is_shown_or_the_path_is_offered(
    stage: Stage, page: ModelsPage, qtbot: Any, base: BaseDir, monkeypatch: Any
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    (base.models / "qwen").mkdir()
    choose(qtbot, row(page, OWN), "Show in folder")
    assert opened == [str(base.models / "qwen")]
    choose(qtbot, row(page, LLAMA), "Show in folder")
    assert len(opened) == 1
    assert stage.board.notices[-1].text == "/o/blobs/sha256-1"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("microsoft/Phi-4", "microsoft/Phi-4"),
        (" microsoft/Phi-4:gguf-q8_0 ", "microsoft/Phi-4:gguf-q8_0"),
        ("https://huggingface.co/microsoft/Phi-4/tree/main?x=1", "microsoft/Phi-4"),
        ("hf.co/microsoft/Phi-4", "microsoft/Phi-4"),
        ("phi-4", ""),
        ("a/b/c", ""),
        ("../etc", ""),
        ("a/b c", ""),
        ("", ""),
    ],
)
def test_what_names_a_repository(text: str, name: str) -> None:
    assert repository_name(text) == name
