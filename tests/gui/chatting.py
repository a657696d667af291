"""What the tests of the Chat page share: a client that talks by a script, and the messages that are seen."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from PySide6.QtCore import Qt

from app.dashboard.chat_page import ChatPage
from app.link import Connected
from app.widgets.message import Answer, Question
from spark_engine.paths import BaseDir
from spark_engine.types.chat import ChatMessage
from spark_engine.types.generation import Finished, Served, Timings, Usage
from tests.gui.conftest import RecordedClient, Stage, raise_curtain
from tests.gui.states import NANO

SERVED = Served(NANO, "CPU")
END = Finished("stop", Usage(5, 7), Timings(first_token_ms=84, tokens_per_second=31.7), SERVED)


class Talker(RecordedClient):
    """A client whose `chat` follows a script: events, errors to raise, or an asyncio.Event to wait for."""

    def __init__(self, *script: object) -> None:
        super().__init__()
        self.script: list[object] = list(script)
        self.asked: list[tuple[list[ChatMessage], str]] = []
        self.options: list[dict[str, object]] = []
        self.closed = 0

    async def chat(
        self, messages: Sequence[ChatMessage], model: str, **options: object
    ) -> AsyncGenerator[Any, None]:
        self.asked.append((list(messages), model))
        self.options.append(options)
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


def ask(qtbot: Any, page: ChatPage, text: str) -> None:
    qtbot.keyClicks(page.composer.field, text)
    qtbot.keyClick(page.composer.field, Qt.Key.Key_Return)


def answers(page: ChatPage) -> list[Answer]:
    return [m for m in page.transcript.messages if isinstance(m, Answer)]


def questions(page: ChatPage) -> list[Question]:
    return [m for m in page.transcript.messages if isinstance(m, Question)]


def idle(page: ChatPage) -> bool:
    return not page.conversation.is_busy


def open_chat(qtbot: Any, base: BaseDir, talker: Talker) -> ChatPage:
    """The Chat page of a shown window, joined to `talker`, its window as `page.stage`."""
    stage = Stage(base, talker)
    raise_curtain(qtbot, stage)
    stage.store.set_link(Connected(True))
    stage.window.go("chat")
    page = stage.window.page
    assert isinstance(page, ChatPage)
    page.stage = stage  # type: ignore[attr-defined]
    return page
