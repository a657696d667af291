"""Acceleration over real HTTP: the owner only, clear refusals, commands answer 202."""

from collections.abc import AsyncIterator

import httpx
import pytest

from spark_engine.types.acceleration import AccelerationBackend, AccelerationChoice
from spark_engine.types.state import AccelerationChanged
from tests.support.scripted_engine import Api, ScriptedEngine, serving

CHOICE = AccelerationChoice("cpu", "CPU", "cpu", "Test CPU", True, True)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    engine = ScriptedEngine()
    engine.bus.publish(AccelerationChanged(AccelerationBackend("onnx", "ONNX", ("onnx",), choices=(CHOICE,))))
    async with serving(engine) as api:
        yield api


@pytest.fixture
async def owner(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=api.address + "/spark/v1/acceleration", headers=api.owner) as http:
        yield http


async def test_what_there_is(owner: httpx.AsyncClient) -> None:
    told = (await owner.get(owner.base_url.join("/spark/v1/acceleration"))).json()
    assert told["onnx"]["choices"][0]["id"] == "cpu" and told["onnx"]["wish"] == "auto"


async def test_commands_are_taken(api: Api, owner: httpx.AsyncClient) -> None:
    taken = await owner.post("/select", json={"backend": "onnx", "choice": "cpu", "strict": False})
    assert (taken.status_code, taken.json()) == (202, {"id": "onnx"})
    begun = await owner.post("/verify", json={})
    assert (begun.status_code, begun.json()) == (202, {"id": "onnx/cpu"})
    await owner.post("/verify", json={"backend": "onnx", "choice": "cpu"})
    assert isinstance(api.engine, ScriptedEngine)
    assert api.engine.commands == [("select", "onnx cpu False"), ("verify", ""), ("verify", "onnx cpu")]


@pytest.mark.parametrize(
    ("call", "body", "status", "param"),
    [
        ("select", {"backend": "onnx"}, 400, "choice"),
        ("select", {"backend": "onnx", "choice": ""}, 400, "choice"),
        ("select", {"backend": "onnx", "choice": "cpu", "strict": "yes"}, 400, "strict"),
        ("select", {"backend": "onnx", "choice": "cpu", "device": "cuda"}, 400, "device"),
        ("select", {"backend": "onnx", "choice": "abacus"}, 404, "choice"),
        ("verify", {"choice": "cpu"}, 400, "backend"),
        ("verify", {"backend": "o" * 200}, 400, "backend"),
    ],
)
async def test_mistakes_name_their_field(
    owner: httpx.AsyncClient, call: str, body: dict[str, object], status: int, param: str
) -> None:
    refused = await owner.post(f"/{call}", json=body)
    assert (refused.status_code, refused.json()["error"]["param"]) == (status, param)


async def test_strangers_are_refused(api: Api) -> None:
    async with httpx.AsyncClient(base_url=api.address + "/spark/v1/acceleration") as http:
        whole = await http.get(f"{api.address}/spark/v1/acceleration")
        replies = [whole, *[await http.post(f"/{c}", json={}) for c in ("select", "verify")]]
    assert {reply.status_code for reply in replies} == {403}
