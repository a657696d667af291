"""Before a pull: what is missing for the model is said, or installed first; the token's way into Spark."""

import io
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from spark_engine.cli.hub import typed
from spark_engine.cli.needing import made_ready
from spark_engine.cli.shell import Shell
from spark_engine.client.http import SparkClient
from spark_engine.types.components import ComponentEntry, Installing, Missing, Verified
from spark_engine.types.hub import OfferedVariant, RepositoryOffer
from spark_engine.types.state import ComponentChanged, EngineInfo, EngineState, StateSnapshot
from tests.support.scripted import ScriptedServer, event, reply, scripted_server, stream

GGUF = ComponentEntry("gguf", "llama.cpp", ("gguf",), True, 80_000_000, Missing())
STATE = EngineState(EngineInfo("0", 1, 0.0, "", ""), components={"gguf": GGUF})


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as server:
        server.on("GET /spark/v1/state", reply(msgspec.json.encode(STATE)))
        yield server


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[SparkClient]:
    async with SparkClient(server.endpoint, caller="test") as client:
        yield client


def offers(server: ScriptedServer, component: str | None, *, installed: bool = False) -> None:
    variant = OfferedVariant(
        "tiny:q", "o/tiny:q", "q", "gguf", "Q8_0", 9, component=component, installed=installed
    )
    offer = RepositoryOffer("o/tiny", "", False, "q", (variant,))
    server.on("POST /spark/v1/hub/offers", reply(msgspec.json.encode(offer)))


async def test_nothing_is_missing(
    server: ScriptedServer, client: SparkClient, tmp_path: Path, capsys: Any
) -> None:
    offers(server, None)
    assert await made_ready(Shell(False, str(tmp_path)), client, "o/tiny", install=True)
    offers(server, "gguf", installed=True)
    assert await made_ready(Shell(False, str(tmp_path)), client, "o/tiny", install=False)
    assert capsys.readouterr() == ("", "")


async def test_what_is_missing_is_said_before_anything_is_fetched(
    server: ScriptedServer, client: SparkClient, tmp_path: Path, capsys: Any
) -> None:
    offers(server, "gguf")
    assert not await made_ready(Shell(False, str(tmp_path)), client, "o/tiny", install=False)
    said = capsys.readouterr().err.replace("\n", " ")
    assert "tiny:q needs the component llama.cpp (80 MB to download)" in said
    assert "`spark backends install gguf`" in said
    assert {asked.path for asked in server.asked} == {"/spark/v1/hub/offers", "/spark/v1/state"}


async def test_it_is_installed_first_where_that_was_asked_for(
    server: ScriptedServer, client: SparkClient, tmp_path: Path
) -> None:
    offers(server, "gguf")
    moving = [msgspec.structs.replace(GGUF, status=s) for s in (Installing(0.5, "building"), Verified("1"))]
    told = [StateSnapshot(STATE), *map(ComponentChanged, moving)]
    server.on("GET /spark/v1/events", stream(*(event(msgspec.json.encode(e)) for e in told), then="hang"))
    server.on("POST /spark/v1/components/gguf/install", reply({"id": "gguf"}, 202))
    assert await made_ready(Shell(False, str(tmp_path)), client, "o/tiny", install=True)
    assert "/spark/v1/components/gguf/install" in {asked.path for asked in server.asked}


def test_a_token_is_read_from_what_is_piped_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(" hf_abc \nrest"))
    assert typed() == "hf_abc"


def test_a_token_that_is_typed_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    asked: list[str] = []
    monkeypatch.setattr(sys, "stdin", Keyboard("hf_shown\n"))
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or "hf_hidden ")
    assert typed() == "hf_hidden"
    assert asked == ["Token (it is not shown): "]
