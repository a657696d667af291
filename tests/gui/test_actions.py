"""Every intent owns its busy state, its failure and its done."""

import asyncio

from app.actions import Actions
from app.notices import NoticeBoard
from spark_engine.errors import Unavailable
from tests.gui.conftest import RecordedClient, RecordedLink, until


def make() -> tuple[RecordedClient, NoticeBoard, Actions]:
    client, board = RecordedClient(), NoticeBoard()
    return client, board, Actions(client, RecordedLink(), board)  # type: ignore[arg-type]


async def test_busy_begins_at_once_and_ends_with_the_answer() -> None:
    client, _, actions = make()
    client.gate = asyncio.Event()
    told: list[str] = []
    actions.busy_changed.connect(told.append)
    actions.load("a:b")
    assert actions.is_busy("load:a:b")
    assert told == ["load:a:b"]
    client.gate.set()
    await until(lambda: not actions.is_busy("load:a:b"))
    assert client.calls == [("load", "a:b")]
    assert told == ["load:a:b"] * 2


async def test_asking_twice_is_one_call() -> None:
    client, _, actions = make()
    client.gate = asyncio.Event()
    actions.unload("a:b")
    actions.unload("a:b")
    client.gate.set()
    await until(lambda: not actions.is_busy("unload:a:b"))
    assert client.calls == [("unload", "a:b")]


async def test_a_refusal_becomes_a_notice_whose_button_tries_again() -> None:
    client, board, actions = make()
    client.answers["load"] = Unavailable(
        "no_memory", "Not enough memory", "It needs 2 GB more.", "Close a program."
    )
    actions.load("a:b")
    await until(lambda: board.notices)
    notice = board.notices[0]
    assert (notice.title, notice.text, notice.remedy) == (
        "Not enough memory",
        "It needs 2 GB more.",
        "Close a program.",
    )
    assert "no_memory" in notice.as_text()
    client.answers.clear()
    assert notice.action is not None
    notice.action.act()
    await until(lambda: len(client.calls) == 2 and not actions.is_busy("load:a:b"))
    assert board.notices == []


async def test_each_intent_calls_its_own_command() -> None:
    client, _, actions = make()
    actions.rescan()
    actions.install("gguf")
    actions.cancel_install("gguf")
    await until(lambda: len(client.calls) == 3)
    assert client.calls == [("rescan",), ("install_component", "gguf"), ("cancel_component", "gguf")]
