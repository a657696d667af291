"""The Chat page with scripted answers: writing, stopping, repeating, failing, never losing what is typed."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.conversation import Turn, figures
from app.dashboard.chat_page import ChatPage
from app.link import Connected
from app.widgets.button import Button
from app.widgets.message import Answer
from app.widgets.prose import ProseView
from spark_engine.errors import Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.chat import ChatMessage
from spark_engine.types.generation import Delta, Failed, Finished, Served, Started, Timings, Usage
from spark_engine.types.models import Loading
from spark_engine.types.state import ModelsListed, VariantChanged
from tests.gui.conftest import RecordedClient, Stage, raise_curtain, until
from tests.gui.states import NANO, PHI, sample_models

LEFT = Qt.MouseButton.LeftButton
SERVED = Served(NANO, "CPU")
END = Finished("stop", Usage(5, 7), Timings(first_token_ms=84, tokens_per_second=31.7), SERVED)


class Talker(RecordedClient):
    """A client whose `chat` follows a script: events, errors to raise, or an asyncio.Event to wait for."""

    def __init__(self, *script: object) -> None:
        super().__init__()
        self.script: list[object] = list(script)
        self.asked: list[tuple[list[ChatMessage], str]] = []
        self.closed = 0

    async def chat(self, messages: Sequence[ChatMessage], model: str) -> AsyncGenerator[Any, None]:
        self.asked.append((list(messages), model))
        try:
            for step in self.script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        finally:
            self.closed += 1


@pytest.fixture
def talker() -> Talker:
    return Talker(Started(SERVED, 5), Delta("Hello "), Delta("**there**"), END)


@pytest.fixture
def page(qtbot: Any, base: BaseDir, talker: Talker) -> ChatPage:
    stage = Stage(base, talker)
    raise_curtain(qtbot, stage)
    stage.store.set_link(Connected(True))
    stage.window.go("chat")
    page = stage.window.page
    assert isinstance(page, ChatPage)
    page.stage = stage  # type: ignore[attr-defined]
    return page


def ask(qtbot: Any, page: ChatPage, text: str) -> None:
    qtbot.keyClicks(page.composer.field, text)
    qtbot.keyClick(page.composer.field, Qt.Key.Key_Return)


def answers(page: ChatPage) -> list[Answer]:
    return [m for m in page.transcript.messages if isinstance(m, Answer)]


def idle(page: ChatPage) -> bool:
    return not page.conversation.is_busy


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
    await until(lambda: talker.closed == 1)
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


async def test_an_answer_of_a_conversation_left_behind_changes_nothing(
    qtbot: Any, page: ChatPage, talker: Talker
) -> None:
    talker.script = [Delta("Old"), asyncio.Event()]
    ask(qtbot, page, "Old question")
    await until(lambda: answers(page)[0].markdown == "Old")
    qtbot.mouseClick(page.new_chat, LEFT)
    talker.script = [Delta("New"), END]
    ask(qtbot, page, "New question")
    await until(lambda: idle(page) and talker.closed == 2)
    assert [a.markdown for a in answers(page)] == ["New"]


def test_figures_say_when_an_answer_was_cut_off() -> None:
    turn = Turn("?")
    turn.finished = Finished("length", Usage(1, 1), Timings(), SERVED)
    assert figures(turn) == (
        f"first token after 0 ms  ·  1 token  ·  {NANO} on CPU  ·  cut off at the longest answer allowed"
    )
