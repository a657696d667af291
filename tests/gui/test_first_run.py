"""A new machine: from an empty base directory two clicks give an answer of the model that comes with Spark."""

import time
from typing import Any

import pytest
from PySide6.QtCore import Qt

from app.dashboard.chat_page import ChatPage
from app.dashboard.home_page import HomePage
from app.desktop import Desktop
from spark_engine.paths import BaseDir
from spark_engine.types.models import NotInstalled
from tests.gui.chatting import answers, ask, questions
from tests.gui.conftest import press, running, until
from tests.gui.states import PHI

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def new_base(base: BaseDir, free_port: int) -> BaseDir:
    """Empty but for ports that nobody else has."""
    ports = f"port = {free_port}\nhealth_port = 0\nmetrics_port = 0"
    base.settings_file.write_text(f"[server]\n{ports}\n[models]\nother_apps = false\n")
    return base


def chat_page(desktop: Desktop) -> ChatPage:
    page = desktop.window.page
    assert isinstance(page, ChatPage)
    return page


@pytest.mark.slow
async def test_two_clicks_give_an_answer_and_the_way_on_is_there(new_base: BaseDir, qtbot: Any) -> None:
    began = time.perf_counter()
    async with running(new_base, qtbot) as desktop:
        home = desktop.window.page
        assert isinstance(home, HomePage)
        await press(qtbot, home.open_chat)
        page = chat_page(desktop)
        await until(lambda: page.welcome.questions, 30, "questions to click")
        assert page.welcome.more.text() == "Get Phi-4-mini"
        await press(qtbot, page.welcome.questions[0])
        await until(lambda: answers(page) and answers(page)[0].markdown, 60, "the first word")
        first_word = time.perf_counter() - began
        await until(lambda: not page.conversation.is_busy, 30, "the whole answer")
        assert "computer" in answers(page)[0].markdown
        assert "Spark nano on CPU" in answers(page)[0].figures.text()
        desktop.window.go("home")
        assert desktop.store.state is not None
        phi = next(v for v in desktop.store.state.models["phi-4-mini"].variants if v.id == PHI)
        assert isinstance(phi.status, NotInstalled)
        assert home.chat_step.title.text() == "Spark is answering with Spark nano"
        assert "Phi-4-mini" in home.model_step.title.text()
        assert home.model_step.open_models.isVisible()
        print(f"the first word after {first_word:.1f} s")
        assert first_word < 60


@pytest.mark.slow
async def test_a_conversation_with_the_real_engine_goes_its_ways(new_base: BaseDir, qtbot: Any) -> None:
    """Asked, edited, answered again with other parameters, stopped; and all of it is there in the next app."""
    async with running(new_base, qtbot) as desktop:
        desktop.window.go("chat")
        page = chat_page(desktop)
        ask(qtbot, page, "Is my data private?")
        await until(lambda: answers(page) and not page.conversation.is_busy, 60, "the answer")
        first = answers(page)[0].markdown
        qtbot.mouseClick(questions(page)[0].edit, LEFT)
        page.composer.field.selectAll()
        ask(qtbot, page, "How do I connect an app?")
        await until(lambda: not page.conversation.is_busy and answers(page)[0].markdown, 30, "the other one")
        assert answers(page)[0].markdown != first
        assert questions(page)[0].versions.text() == "2 of 2"
        qtbot.mouseClick(page.show_setup, LEFT)
        qtbot.keyClicks(page.setup.rows["max_tokens"].field, "3")
        await press(qtbot, answers(page)[0].again)
        await until(lambda: not page.conversation.is_busy, 30, "the short one")
        assert "3 tokens" in answers(page)[0].figures.text()
        assert "cut off" in answers(page)[0].figures.text()
        qtbot.keyClicks(page.composer.field, "an unsent thought")
    async with running(new_base, qtbot) as desktop:
        desktop.window.go("chat")
        page = chat_page(desktop)
        await until(lambda: questions(page), 10, "the conversation")
        assert questions(page)[0].versions.text() == "3 of 3"
        assert page.composer.text == "an unsent thought"
        assert page.setup.rows["max_tokens"].value == 3
        qtbot.mouseClick(questions(page)[0].before, LEFT)
        qtbot.mouseClick(questions(page)[0].before, LEFT)
        assert answers(page)[0].markdown == first
