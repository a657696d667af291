"""What concerns all models: freeing memory, using a folder where it lies, finding files that lie here twice."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt

from app.dashboard import models_head
from app.dashboard.models_page import ModelsPage
from app.library_notices import found_there, freed_words
from app.link import Connected
from app.tray_menu import menu_entries
from spark_engine.errors import InvalidRequest, Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.duplicates import Compared, Comparing, Copy, DuplicateGroup
from spark_engine.types.models import Unloaded
from spark_engine.types.state import StateSnapshot, VariantChanged
from tests.gui.conftest import Stage, until
from tests.gui.library import state_of
from tests.gui.states import NANO, READY
from tests.gui.test_model_library import stage_headline

LEFT = Qt.MouseButton.LeftButton
GROUP = DuplicateGroup(
    "a" * 64,
    4_900_000_000,
    (Copy("/o/blobs/sha256-1", "ollama", "llama:q4"), Copy("/l/b.gguf", "lm-studio", "llama:b", True)),
    4_900_000_000,
)


@pytest.fixture
def page(stage: Stage, base: BaseDir) -> ModelsPage:
    stage.feed(StateSnapshot(state_of(folder=str(base.models))))
    stage.store.set_link(Connected(True))
    stage.window.go("models")
    assert isinstance(stage.window.page, ModelsPage)
    return stage.window.page


def choose_line(page: ModelsPage, words: str) -> None:
    page.head.more.click()
    menu = page.head.more.menu_shown
    assert menu is not None
    next(action for action in menu.actions() if action.text() == words).trigger()
    menu.close()


async def test_memory_is_freed_and_it_is_told_whose(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    stage.client.replies["free_memory"] = (NANO,)
    stage.client.gate = asyncio.Event()
    qtbot.mouseClick(page.head.free, LEFT)
    assert not page.head.free.isEnabled()
    stage.client.gate.set()
    await until(lambda: stage.board.notices)
    assert stage.client.calls == [("free_memory",)]
    assert (stage.board.notices[0].title, stage.board.notices[0].text) == (
        "1 model gives its memory back",
        NANO,
    )
    assert page.head.free.isEnabled()
    stage.feed(VariantChanged(NANO, Unloaded()))
    assert page.head.free.isHidden(), "nothing is loaded"
    assert "pinned" in freed_words(()).text


async def test_the_tray_frees_memory_while_something_is_loaded(stage: Stage, page: ModelsPage) -> None:
    def words() -> list[str]:
        state = stage.store.state
        return [e.words for e in menu_entries(stage_headline(), state, ())]

    assert "Free memory now" in words()
    stage.feed(VariantChanged(NANO, Unloaded()))
    assert "Free memory now" not in words()


async def test_a_folder_is_used_where_it_lies(
    stage: Stage, page: ModelsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def pick(parent: object, title: str, take: Any) -> None:
        asked.append(title)
        take("/o")

    monkeypatch.setattr(models_head, "pick_folder", pick)
    stage.client.replies["state"] = stage.store.state
    choose_line(page, "Use models in a folder…")
    await until(lambda: stage.board.notices)
    assert stage.client.calls == [("adopt", "/o"), ("state",)]
    assert stage.board.notices[-1].title == "1 model is used where it lies"
    assert stage.board.notices[-1].text == "Llama 3.2"
    stage.client.answers["adopt"] = InvalidRequest("no_such_path", "There is nothing to adopt", "No.")
    choose_line(page, "Use models in a folder…")
    await until(lambda: stage.board.notices[-1].title == "There is nothing to adopt")
    assert len(asked) == 2


async def test_the_folder_dialog_gives_its_path(page: ModelsPage, qtbot: Any, tmp_path: Any) -> None:
    chosen: list[str] = []
    dialog = models_head.pick_folder(page, "Use models in a folder", chosen.append)
    qtbot.addWidget(dialog)
    assert dialog.fileMode() == dialog.FileMode.Directory
    dialog.fileSelected.emit(str(tmp_path))
    assert chosen == [str(tmp_path)]
    dialog.close()


def test_a_folder_without_models_is_told(stage: Stage, page: ModelsPage) -> None:
    assert stage.store.state is not None
    told = found_there(stage.store.state, "/nowhere")
    assert (told.tone, told.title) == ("warn", "No model was found there")
    assert "GGUF" in told.text


async def test_duplicates_show_their_progress_and_what_could_be_freed(
    stage: Stage, page: ModelsPage, qtbot: Any
) -> None:
    card = page.head.duplicates
    stage.client.gate = asyncio.Event()
    same = replace(GROUP, sha256="b" * 64, reclaimable_bytes=0)
    stage.client.replies["search_duplicates"] = [
        Comparing(2_100_000_000, 9_800_000_000),
        Compared((GROUP, same)),
    ]
    assert card.isHidden()
    choose_line(page, "Find duplicate files")
    await until(lambda: card.progress._step._whole == "Reading files of equal size, 2.1 of 9.8 GB, 21%")
    assert card.close_button.isHidden()
    stage.client.gate.set()
    await until(lambda: card.summary.text() == "2 files lie here more than once; 4.9 GB could be freed")
    assert card.progress.isHidden()
    said = [part.text() for part in card.groups.findChildren(models_head.label("").__class__)]
    assert "2 × 4.9 GB  ·  4.9 GB could be freed" in said
    assert any(words.startswith("Ollama") for words in said)
    assert any("second name" in words for words in said)
    qtbot.mouseClick(card.close_button, LEFT)
    assert card.isHidden()


async def test_cancelling_ends_the_search_itself(stage: Stage, page: ModelsPage, qtbot: Any) -> None:
    card = page.head.duplicates
    stage.client.gate = asyncio.Event()
    stage.client.replies["search_duplicates"] = [Comparing(1, 2)]
    card.search()
    await until(lambda: "1 bytes of 2" in card.progress._step._whole or "50%" in card.progress._step._whole)
    qtbot.mouseClick(card.progress._cancel, LEFT)
    await until(lambda: ("search ended",) in stage.client.calls)
    assert card.isHidden()
    stage.client.gate.set()
    stage.client.replies["search_duplicates"] = [Compared(())]
    card.search()
    await until(lambda: card.summary.text() == "No model file lies here twice")
    assert card.intro.isHidden()


async def test_a_search_that_breaks_off_says_why(stage: Stage, page: ModelsPage) -> None:
    async def broken() -> Any:
        raise Unavailable("connection_lost", "The connection was lost", "The engine ended.")
        yield

    stage.client.search_duplicates = broken
    page.head.duplicates.search()
    await until(lambda: "The connection was lost" in page.head.duplicates.summary.text())
    assert page.head.duplicates.close_button.isVisible()
    assert READY
