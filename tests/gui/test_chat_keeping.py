"""Conversations are kept: half answers and drafts survive any end; the list finds, renames, deletes, takes it back."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLineEdit

from app.chats.keeper import Keeper
from app.chats.talk import Talk
from app.dashboard.chat_page import ChatPage
from spark_engine.config.schema import setting
from spark_engine.paths import BaseDir
from spark_engine.types.generation import Delta
from spark_engine.types.settings import SettingEntry
from spark_engine.types.state import SettingsChanged
from tests.gui.chatting import END, Talker, answers, ask, idle, open_chat, questions
from tests.gui.conftest import press, until

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def talker() -> Talker:
    return Talker(Delta("Hello"), END)


@pytest.fixture
def page(qtbot: Any, base: BaseDir, talker: Talker) -> ChatPage:
    return open_chat(qtbot, base, talker)


def files(base: BaseDir) -> list[dict[str, Any]]:
    return [json.loads(file.read_bytes()) for file in base.chats.glob("*.json")]


def titles(page: ChatPage) -> list[str]:
    return [entry.title for entry in page.list.list._rows.entries]


async def settled(page: ChatPage) -> None:
    """Whatever was handed to the keeper's thread is done."""
    page.desk.keeper._write_changed()
    await page.desk.keeper._ask(lambda: None)


async def converse(qtbot: Any, page: ChatPage, *texts: str) -> None:
    """A conversation for each text, the last one open."""
    for text in texts:
        page.start_new()
        ask(qtbot, page, text)
        await until(lambda: idle(page))
    await settled(page)


async def reopened(qtbot: Any, base: BaseDir, page: ChatPage, talker: Talker) -> ChatPage:
    """Another app in the same base directory; nothing is flushed before, as if the first one was killed."""
    again = open_chat(qtbot, base, talker)
    await again.desk.keeper._ask(lambda: None)
    await asyncio.sleep(0.05)
    return again


async def test_a_half_answer_and_a_draft_survive_a_killed_app(
    qtbot: Any, base: BaseDir, page: ChatPage, talker: Talker
) -> None:
    begin = asyncio.Event()
    talker.script = [begin, Delta("Half an"), asyncio.Event()]
    ask(qtbot, page, "Tell me")
    await until(lambda: files(base), 5, "the question is kept")
    qtbot.keyClicks(page.composer.field, "my draft")
    await until(lambda: files(base)[0].get("draft") == "my draft", 5, "the draft is kept")
    begin.set()
    await until(lambda: files(base)[0]["turns"][0].get("answer") == "Half an", 5, "the half answer is kept")
    again = await reopened(qtbot, base, page, talker)
    await until(lambda: again.transcript.messages)
    assert again.composer.text == "my draft"
    assert answers(again)[0].markdown == "Half an"
    assert answers(again)[0]._trouble is not None
    talker.script = [Delta("Whole"), END]
    again.conversation.repeat()
    await until(lambda: idle(again))
    assert questions(again)[0].versions.text() == "2 of 2"
    await page.conversation.close()


async def test_quitting_keeps_what_was_said_a_moment_ago(
    qtbot: Any, base: BaseDir, page: ChatPage, talker: Talker
) -> None:
    talker.script = [Delta("Half"), asyncio.Event()]
    ask(qtbot, page, "Hi")
    await until(lambda: answers(page)[0].markdown == "Half")
    await page.conversation.close()
    kept = files(base)[0]["turns"][0]
    assert (kept["answer"], kept["progress"]) == ("Half", "stopped")


async def test_the_list_names_them_newest_first_and_opens_them(
    qtbot: Any, base: BaseDir, page: ChatPage
) -> None:
    assert page.list.isHidden()
    await converse(qtbot, page, "About bread", "About cheese")
    assert page.list.isVisible()
    assert titles(page) == ["About cheese", "About bread"]
    view = page.list.list
    place = view.visualRect(view.model().index(1, 0)).center()
    qtbot.mouseClick(view.viewport(), LEFT, pos=place)
    await until(lambda: questions(page)[0]._text.toPlainText() == "About bread")
    assert titles(page) == ["About cheese", "About bread"]
    qtbot.keyClicks(page.composer.field, "a draft here")
    view.setFocus()
    view.setCurrentIndex(view.model().index(0, 0))
    qtbot.keyClick(view, Qt.Key.Key_Return)
    await until(lambda: questions(page)[0]._text.toPlainText() == "About cheese")
    assert page.composer.text == ""
    page.desk.open(page.desk.keeper.cards[1].id)
    await until(lambda: page.composer.text == "a draft here")


async def test_one_is_renamed_in_its_place(qtbot: Any, base: BaseDir, page: ChatPage) -> None:
    await converse(qtbot, page, "First", "Second")
    for row, title in ((1, "Better"), (0, "Open one")):
        page.list.list.setCurrentIndex(page.list.list.model().index(row, 0))
        qtbot.keyClick(page.list.list, Qt.Key.Key_F2)
        editor = page.list.list.findChild(QLineEdit)
        editor.selectAll()
        qtbot.keyClicks(editor, title)
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        await until(lambda title=title: title in titles(page))
    await settled(page)
    assert sorted(f["title"] for f in files(base)) == ["Better", "Open one"]
    assert page.conversation.talk.name == "Open one"


async def test_a_deleted_one_can_be_taken_back(qtbot: Any, base: BaseDir, page: ChatPage) -> None:
    stage: Any = page.stage  # type: ignore[attr-defined]
    await converse(qtbot, page, "Keep me", "Delete me")
    page.list.list.setCurrentIndex(page.list.list.model().index(0, 0))
    qtbot.keyClick(page.list.list, Qt.Key.Key_Delete)
    await settled(page)
    assert titles(page) == ["Keep me"] == [f["name"] for f in files(base)]
    assert page.transcript.messages == []
    (bar,) = [b for id, b in stage.window.notices.bars.items() if id.startswith("deleted:")]
    await press(qtbot, bar.action, "Undo")
    await until(lambda: titles(page) == ["Delete me", "Keep me"])
    assert [q._text.toPlainText() for q in questions(page)] == ["Delete me"]
    assert len(files(base)) == 2


async def test_an_answer_in_a_deleted_one_does_not_bring_it_back(
    qtbot: Any, base: BaseDir, page: ChatPage, talker: Talker
) -> None:
    talker.script = [Delta("Half"), asyncio.Event()]
    ask(qtbot, page, "Delete me")
    await until(lambda: answers(page)[0].markdown == "Half")
    page.desk.delete(page.conversation.talk.id)
    await until(lambda: talker.closed == 1)
    await asyncio.sleep(0.05)
    await settled(page)
    assert files(base) == []


async def test_all_are_deleted_only_after_a_question(qtbot: Any, base: BaseDir, page: ChatPage) -> None:
    await converse(qtbot, page, "One", "Two")
    page.list.ask_delete_all()
    qtbot.mouseClick(page.list.question.keep, LEFT)
    assert len(titles(page)) == 2
    page.list.ask_delete_all()
    qtbot.mouseClick(page.list.question.go_on, LEFT)
    await settled(page)
    assert titles(page) == [] == files(base)


async def test_search_looks_into_what_was_said(qtbot: Any, page: ChatPage, talker: Talker) -> None:
    talker.script = [Delta("Take sourdough, and patience."), END]
    await converse(qtbot, page, "About bread")
    talker.script = [Delta("Milk."), END]
    await converse(qtbot, page, "About cheese")
    qtbot.keyClicks(page.list.finder, "sourdough")
    await until(lambda: titles(page) == ["About bread"])
    assert "sourdough" in page.list.list._rows.entries[0].line
    qtbot.keyClicks(page.list.finder, "xyz")
    await until(lambda: titles(page) == [])
    assert page.list.note.text() == "No conversation has these words."
    qtbot.keyClick(page.list.finder, Qt.Key.Key_Escape)
    await until(lambda: len(titles(page)) == 2)


async def test_with_the_setting_off_nothing_is_written(
    qtbot: Any, base: BaseDir, page: ChatPage, talker: Talker
) -> None:
    stage: Any = page.stage  # type: ignore[attr-defined]
    known = SettingEntry(True, "default", setting("chat.keep"))
    talker.replies["settings"] = {"chat.keep": replace(known, value=False)}
    stage.feed(SettingsChanged(1))
    await until(lambda: not page.desk.keeper.keeps)
    await converse(qtbot, page, "Secret")
    qtbot.keyClicks(page.composer.field, "secret draft")
    await settled(page)
    assert files(base) == [] == titles(page)
    assert page.list.note.text() == "New conversations are not kept."
    await press(qtbot, page.list.settings)
    assert stage.window.rail.buttons["settings"].isChecked()
    again = Keeper(base)
    assert not again.keeps, "it holds before the engine is asked again"


async def test_a_full_disk_is_said_once_and_the_chat_goes_on(
    qtbot: Any, base: BaseDir, page: ChatPage, talker: Talker, expect_log: Any
) -> None:
    expect_log("conversations cannot be kept")
    stage: Any = page.stage  # type: ignore[attr-defined]
    base.chats.write_text("not a folder")
    ask(qtbot, page, "Hi")
    await until(lambda: idle(page))
    await until(lambda: "chats" in {n.id for n in stage.board.notices}, 5, "the notice")
    assert answers(page)[0].markdown == "Hello"


async def test_exported_files_hold_the_conversation(
    qtbot: Any, page: ChatPage, tmp_path: Path, monkeypatch: Any
) -> None:
    await converse(qtbot, page, "Say hello")
    monkeypatch.setattr(QFileDialog, "open", lambda self: self.show())
    for form, holds in (("md", "## You\n\nSay hello"), ("json", '"content": "Say hello"')):
        page.more.chosen.emit(form)
        await until(lambda: page.findChildren(QFileDialog))
        (dialog,) = page.findChildren(QFileDialog)
        assert dialog.selectedFiles()[0].endswith(f"Say hello.{form}")
        dialog.fileSelected.emit(str(tmp_path / f"out.{form}"))
        dialog.hide()
        dialog.setParent(None)
        await until((tmp_path / f"out.{form}").exists)
        assert holds in (tmp_path / f"out.{form}").read_text()
    page.more.chosen.emit("copy")
    await until(lambda: "## You" in QGuiApplication.clipboard().text())


async def test_what_is_set_up_is_told_kept_and_reset(
    qtbot: Any, base: BaseDir, page: ChatPage, talker: Talker
) -> None:
    qtbot.mouseClick(page.show_setup, LEFT)
    assert page.setup.rows["seed"].field.placeholderText() == "random"
    qtbot.keyClicks(page.setup.system, "Answer in French")
    qtbot.keyClicks(page.setup.rows["temperature"].field, "0.5")
    qtbot.keyClicks(page.setup.rows["max_tokens"].field, "-4")
    assert page.setup.rows["max_tokens"].trouble.text().startswith("This must be a whole number from 1")
    ask(qtbot, page, "Hi")
    await until(lambda: idle(page))
    assert talker.asked[0][0][0].content == "Answer in French"
    assert talker.options[0] == {"temperature": 0.5, "truncation": "auto"}
    await settled(page)
    assert files(base)[0]["setup"] == {"system": "Answer in French", "parameters": {"temperature": 0.5}}
    page.start_new()
    assert page.setup.system.toPlainText() == ""
    page.desk.open(page.desk.keeper.cards[0].id)
    await until(lambda: page.setup.system.toPlainText() == "Answer in French")
    qtbot.mouseClick(page.setup.prefer, LEFT)
    qtbot.mouseClick(page.setup.reset, LEFT)
    assert page.conversation.talk.setup.system == ""
    page.start_new()
    assert page.setup.rows["temperature"].field.text() == "0.5"


def long_talk(number: int, turns: int) -> Talk:
    talk = Talk()
    for at in range(turns):
        turn = talk.ask(f"Question {at} of talk{number}x")
        turn.pieces, turn.progress = (
            [f"An answer with **words**, number {at}.\n\n" + "More text. " * 150],
            "done",
        )
    talk.changed = 1000.0 + number
    return talk


async def test_a_hundred_long_conversations_and_one_of_200_turns_stay_quick(
    qtbot: Any, base: BaseDir, talker: Talker
) -> None:
    keeper = Keeper(base)
    for number in range(100):
        keeper.note(long_talk(number, 200))
    keeper.close()
    began = time.perf_counter()
    page = open_chat(qtbot, base, talker)
    opened = time.perf_counter() - began
    await until(lambda: len(titles(page)) == 100, 5, "the list")
    listed = time.perf_counter() - began
    began = time.perf_counter()
    page.desk.open(page.desk.keeper.cards[0].id)
    await until(lambda: questions(page), 5, "the conversation")
    shown = time.perf_counter() - began
    began = time.perf_counter()
    qtbot.keyClicks(page.composer.field, "a few words that are typed")
    typed = (time.perf_counter() - began) / 26
    began = time.perf_counter()
    qtbot.keyClicks(page.list.finder, "talk77x")
    await until(lambda: len(titles(page)) == 1, 10, "the search")
    searched = time.perf_counter() - began
    print(f"{opened=:.3f} {listed=:.3f} {shown=:.3f} {typed=:.4f} {searched=:.3f}")
    assert (opened < 0.7, listed < 2.5, shown < 0.7, typed < 0.05, searched < 5) == (True,) * 5
