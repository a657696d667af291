"""The Chat page with scripted answers: writing, stopping, repeating, failing, never losing what is typed."""

import asyncio
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent
from PySide6.QtWidgets import QToolTip

from app.answer_words import figures
from app.chats.talk import Turn
from app.dashboard.chat_page import ChatPage
from app.link import Stopped
from app.widgets.button import Button
from app.widgets.prose import ProseView
from spark_engine.errors import Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.chat import ChatMessage
from spark_engine.types.generation import Delta, Failed, Finished, Started, Timings, Truncation, Usage
from spark_engine.types.models import Loading
from spark_engine.types.state import ModelsListed, VariantChanged
from tests.gui.chatting import END, SERVED, Talker, answers, ask, idle, open_chat, questions
from tests.gui.conftest import Stage, press, until
from tests.gui.states import NANO, PHI, sample_models

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def talker() -> Talker:
    return Talker(Started(SERVED, 5), Delta("Hello "), Delta("**there**"), END)


@pytest.fixture
def page(qtbot: Any, base: BaseDir, talker: Talker) -> ChatPage:
    return open_chat(qtbot, base, talker)


async def test_an_answer_is_written_with_its_figures(qtbot: Any, page: ChatPage, talker: Talker) -> None:
    ask(qtbot, page, "Hi")
    assert page.composer.text == ""
    assert page.composer.stop.isVisible()
    await until(lambda: idle(page))
    answer = answers(page)[0]
    assert answer.markdown == "Hello **there**"
    assert answer.findChild(ProseView).toPlainText() == "Hello there"
    said = "31.7 tok/s  ·  first token after 84 ms  ·  7 tokens  ·  Spark nano on CPU"
    assert answer.figures.text() == said
    assert page.composer.send.isVisible()
    assert talker.asked == [([ChatMessage("user", "Hi")], "auto")]


async def test_the_model_is_told_the_whole_conversation(qtbot: Any, page: ChatPage, talker: Talker) -> None:
    for text in ("One", "Two"):
        ask(qtbot, page, text)
        await until(lambda: idle(page))
    roles = [(m.role, m.content) for m in talker.asked[1][0]]
    assert roles == [("user", "One"), ("assistant", "Hello **there**"), ("user", "Two")]
    assert answers(page)[0].again.isHidden()


@pytest.mark.parametrize("how", ["button", "escape"])
async def test_stop_keeps_what_was_written(qtbot: Any, page: ChatPage, talker: Talker, how: str) -> None:
    talker.script = [Started(SERVED, 5), Delta("Half an"), asyncio.Event()]
    ask(qtbot, page, "Tell me")
    await until(lambda: answers(page)[0].markdown == "Half an")
    if how == "button":
        qtbot.mouseClick(page.composer.stop, LEFT)
    else:
        qtbot.keyClick(page.window(), Qt.Key.Key_Escape)
    await until(lambda: idle(page))
    assert talker.closed == 1
    assert answers(page)[0].markdown == "Half an"
    assert answers(page)[0].figures.text() == "Stopped"


async def test_answer_again_replaces_the_answer(qtbot: Any, page: ChatPage, talker: Talker) -> None:
    ask(qtbot, page, "Hi")
    await until(lambda: idle(page))
    talker.script = [Started(SERVED, 5), Delta("Another"), END]
    qtbot.mouseClick(answers(page)[0].again, LEFT)
    await until(lambda: idle(page))
    assert [a.markdown for a in answers(page)] == ["Another"]
    assert talker.asked[1][0] == [ChatMessage("user", "Hi")]


@pytest.mark.parametrize(
    "trouble",
    [
        Unavailable("engine_unreachable", "Spark is not running", "No engine.", "Run `spark serve`."),
        Failed("engine_unreachable", "Spark is not running", "No engine.", "Run `spark serve`."),
    ],
)
async def test_trouble_is_an_answer_with_remedy_and_retry(
    qtbot: Any, page: ChatPage, talker: Talker, trouble: Any
) -> None:
    talker.script = [Started(SERVED, 5), Delta("Part"), trouble]
    ask(qtbot, page, "Hi")
    await until(lambda: idle(page))
    answer = answers(page)[0]
    words = [w.text() for w in answer._trouble.findChildren(type(answer.figures))]  # type: ignore[union-attr]
    assert words == ["Spark is not running", "No engine.", "Run “spark serve”."]
    assert answer.markdown == "Part"
    talker.script = [Delta("Now it works"), END]
    retry = next(b for b in answer.findChildren(Button) if b.accessibleName() == "Retry")
    qtbot.mouseClick(retry, LEFT)
    await until(lambda: idle(page) and len(talker.asked) == 2)
    assert [a.markdown for a in answers(page)] == ["Now it works"]


async def test_what_is_being_typed_survives_everything(qtbot: Any, page: ChatPage, talker: Talker) -> None:
    stage: Stage = page.stage  # type: ignore[attr-defined]
    talker.script = [Delta("Half"), asyncio.Event()]
    ask(qtbot, page, "First")
    await until(lambda: talker.asked)
    qtbot.keyClicks(page.composer.field, "my draft")
    qtbot.keyClick(page.composer.field, Qt.Key.Key_Return)
    stage.window.go("models")
    stage.window.go("chat")
    qtbot.keyClick(stage.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert page.composer.text == "my draft"
    assert page.transcript.messages == []
    assert page.composer.send.isVisible()


async def test_copy_takes_the_markdown(qtbot: Any, page: ChatPage) -> None:
    ask(qtbot, page, "Hi")
    await until(lambda: idle(page))
    qtbot.mouseClick(answers(page)[0].copy, LEFT)
    assert QGuiApplication.clipboard().text() == "Hello **there**"


async def test_the_chosen_model_answers(qtbot: Any, page: ChatPage, talker: Talker) -> None:
    names = [page.picker.itemText(i) for i in range(page.picker.count())]
    assert names == ["Automatic (Spark nano)", "Spark nano, ONNX · int4", "Phi-4-mini, ONNX · int4 · CPU"]
    page.picker.setFocus()
    qtbot.keyClick(page.picker, Qt.Key.Key_End)
    page.picker.activated.emit(page.picker.currentIndex())
    ask(qtbot, page, "Hi")
    await until(lambda: idle(page))
    assert talker.asked[0][1] == PHI
    stage: Stage = page.stage  # type: ignore[attr-defined]
    stage.feed(ModelsListed({"spark-nano": sample_models()["spark-nano"]}))
    assert page.conversation.model == "auto"


async def test_loading_is_told_while_one_waits(qtbot: Any, page: ChatPage, talker: Talker) -> None:
    talker.script = [asyncio.Event()]
    stage: Stage = page.stage  # type: ignore[attr-defined]
    ask(qtbot, page, "Hi")
    stage.feed(VariantChanged(PHI, Loading(0.3, "reading")))
    assert answers(page)[0]._waiting.text() == "Loading Phi-4-mini…"
    page.conversation.stop()
    await until(lambda: idle(page))


async def test_an_answer_goes_on_in_a_conversation_left_behind(
    qtbot: Any, page: ChatPage, talker: Talker
) -> None:
    more = asyncio.Event()
    talker.script = [Delta("Old"), more, Delta(" and whole"), END]
    ask(qtbot, page, "Old question")
    await until(lambda: answers(page)[0].markdown == "Old")
    old = page.conversation.talk
    qtbot.mouseClick(page.new_chat, LEFT)
    talker.script = [Delta("New"), END]
    ask(qtbot, page, "New question")
    await until(lambda: idle(page))
    assert [a.markdown for a in answers(page)] == ["New"]
    more.set()
    await until(lambda: not page.conversation.is_writing(old.id))
    assert [a.markdown for a in answers(page)] == ["New"]
    page.desk.open(old.id)
    await until(lambda: page.conversation.talk.id == old.id)
    assert [a.markdown for a in answers(page)] == ["Old and whole"]
    assert page.composer.send.isVisible()


async def test_esc_stops_the_answer_that_is_seen_and_no_other(
    qtbot: Any, page: ChatPage, talker: Talker
) -> None:
    talker.script = [Delta("Old"), asyncio.Event()]
    ask(qtbot, page, "Old question")
    await until(lambda: talker.asked)
    old = page.conversation.talk
    qtbot.mouseClick(page.new_chat, LEFT)
    ask(qtbot, page, "New question")
    await until(lambda: len(talker.asked) == 2)
    qtbot.keyClick(page.window(), Qt.Key.Key_Escape)
    await until(lambda: idle(page))
    assert page.conversation.is_writing(old.id)
    await page.conversation.close()
    assert old.path[0].progress == "stopped"


async def test_a_question_asked_otherwise_is_another_version(
    qtbot: Any, page: ChatPage, talker: Talker
) -> None:
    for text in ("One", "Two"):
        ask(qtbot, page, text)
        await until(lambda: idle(page))
    qtbot.keyClicks(page.composer.field, "my draft")
    qtbot.mouseClick(questions(page)[0].edit, LEFT)
    assert page.composer.text == "One"
    qtbot.keyClicks(page.composer.field, " and a half")
    talker.script = [Delta("Otherwise"), END]
    qtbot.keyClick(page.composer.field, Qt.Key.Key_Return)
    await until(lambda: idle(page))
    assert talker.asked[-1][0] == [ChatMessage("user", "One and a half")]
    assert [a.markdown for a in answers(page)] == ["Otherwise"]
    assert page.composer.text == "my draft"
    assert questions(page)[0].versions.text() == "2 of 2"
    qtbot.mouseClick(questions(page)[0].before, LEFT)
    assert [q._text.toPlainText() for q in questions(page)] == ["One", "Two"]
    assert len(answers(page)) == 2
    assert answers(page)[-1].again.isVisible()


async def test_editing_can_be_given_up(qtbot: Any, page: ChatPage, talker: Talker) -> None:
    ask(qtbot, page, "One")
    await until(lambda: idle(page))
    qtbot.keyClicks(page.composer.field, "my draft")
    qtbot.mouseClick(questions(page)[0].edit, LEFT)
    qtbot.keyClick(page.composer.field, Qt.Key.Key_Escape)
    assert page.composer.text == "my draft"
    assert not page.composer.keep.isVisible()
    assert page.conversation.talk.editing is None


async def test_an_answer_repeated_keeps_the_one_before(qtbot: Any, page: ChatPage, talker: Talker) -> None:
    ask(qtbot, page, "Hi")
    await until(lambda: idle(page))
    talker.script = [Delta("Another"), END]
    await press(qtbot, answers(page)[0].again)
    await until(lambda: idle(page))
    qtbot.mouseClick(questions(page)[0].before, LEFT)
    assert [a.markdown for a in answers(page)] == ["Hello **there**"]
    qtbot.mouseClick(questions(page)[0].after, LEFT)
    assert [a.markdown for a in answers(page)] == ["Another"]


async def test_ctrl_l_opens_the_list_of_models_from_anywhere(qtbot: Any, page: ChatPage) -> None:
    stage: Stage = page.stage  # type: ignore[attr-defined]
    stage.window.go("models")
    qtbot.keyClick(stage.window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert stage.window.page is page
    await until(lambda: page.picker.view().isVisible())
    page.picker.hidePopup()


async def test_a_suggested_question_is_asked_with_one_click(
    qtbot: Any, page: ChatPage, talker: Talker
) -> None:
    words = page.welcome.questions[0].text()
    await press(qtbot, page.welcome.questions[0])
    await until(lambda: idle(page))
    assert talker.asked[0][0] == [ChatMessage("user", words)]
    assert len(answers(page)) == 1


async def test_a_stopped_engine_can_be_started_from_here(qtbot: Any, page: ChatPage) -> None:
    stage: Stage = page.stage  # type: ignore[attr-defined]
    stage.store.set_link(Stopped())
    await press(qtbot, page.welcome.greeting.button, "Start engine")
    assert stage.link.starts == 1


async def test_what_did_not_fit_is_said(qtbot: Any, page: ChatPage, talker: Talker) -> None:
    talker.script = [Started(SERVED, 5, Truncation(4, 900, 4800, 3900, 100)), Delta("Short"), END]
    ask(qtbot, page, "Hi")
    await until(lambda: idle(page))
    assert talker.options[0]["truncation"] == "auto"
    assert "the oldest 4 messages did not fit and were left out" in answers(page)[0].figures.text()
    assert "Writing 7 tokens" in answers(page)[0].figures.toolTip()


def test_figures_say_when_an_answer_was_cut_off() -> None:
    turn = Turn("?")
    turn.finished = Finished("length", Usage(1, 1), Timings(), SERVED)
    assert figures(turn) == (
        f"first token after 0 ms  ·  1 token  ·  {NANO} on CPU  ·  cut off at the longest answer allowed"
    )


def test_a_name_without_room_ends_in_dots_and_can_be_read_on(qtbot: Any, stage: Stage) -> None:
    stage.window.resize(820, 560)
    stage.window.go("chat")
    page = stage.window.page
    assert isinstance(page, ChatPage)
    picker = page.picker
    picker.setCurrentIndex(picker.findData(PHI))
    stage.window.resize(1100, 720)
    qtbot.waitUntil(lambda: picker.shown_text == picker.currentText())
    stage.window.resize(820, 560)
    qtbot.mouseClick(page.show_setup, LEFT)
    qtbot.waitUntil(lambda: picker.shown_text.endswith("…"))
    assert picker.fontMetrics().horizontalAdvance(picker.shown_text) < picker.width()
    QCoreApplication.sendEvent(picker, QHelpEvent(QEvent.Type.ToolTip, QPoint(5, 5), QPoint(5, 5)))
    assert QToolTip.text() == picker.currentText()
