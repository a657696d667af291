"""Commands that wait: they end when the model or backend has come to rest, and say what became of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from spark_engine.cli.backends import _install
from spark_engine.cli.following import fetched, installed, loaded, removed, unloaded
from spark_engine.cli.shell import Shell
from spark_engine.client.endpoint import write_endpoint
from spark_engine.client.http import SparkClient
from spark_engine.errors import SparkError
from spark_engine.paths import BaseDir
from spark_engine.tasks import create_task
from spark_engine.types.components import (
    Broken,
    ComponentEntry,
    ComponentStatus,
    Installed,
    Installing,
    Missing,
    Removing,
    Verified,
)
from spark_engine.types.downloads import (
    DownloadEntry,
    DownloadFailed,
    DownloadStatus,
    Fetched,
    Fetching,
    Paused,
    Preparing,
)
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    ModelEntry,
    NotInstalled,
    Ready,
    Restarting,
    Unloaded,
    Unloading,
    VariantEntry,
    VariantStatus,
)
from spark_engine.types.state import (
    ComponentChanged,
    DownloadChanged,
    DownloadDropped,
    EngineEvent,
    EngineInfo,
    EngineState,
    MetricsSampled,
    StateSnapshot,
    VariantChanged,
)
from tests.support.scripted import ScriptedServer, event, reply, scripted_server, stream

ID = "phi:onnx"
READY = Ready("CPU", 4096, 8, 1000, 5.0, 42)
FAILED = LoadFailed("no_memory", "Too large", "It does not fit.", "Free memory.")

NOISE = MetricsSampled(MetricsSample(running=1))


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as server:
        for command in ("load", "unload"):
            server.on(f"POST /spark/v1/models/phi/{command}", reply({"id": ID}, 202))
        for command in ("install", "remove", "cancel"):
            server.on(f"POST /spark/v1/components/gguf/{command}", reply({"id": "gguf"}, 202))
        yield server


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[SparkClient]:
    async with SparkClient(server.endpoint) as client:
        yield client


def state(status: VariantStatus, component: ComponentStatus) -> EngineState:
    variant = VariantEntry(ID, "onnx", "int4", 1, status)
    return EngineState(
        EngineInfo("0.1.0", 1, 0.0, "http://127.0.0.1:1", "/base"),
        models={"phi": ModelEntry("phi", "Phi", "phi", "MIT", "", 1, 4096, (variant,))},
        components={"gguf": entry(component)},
    )


def entry(status: ComponentStatus) -> ComponentEntry:
    return ComponentEntry("gguf", "llama.cpp", ("gguf",), True, 1, status)


def tell(server: ScriptedServer, first: EngineState, *events: EngineEvent, then: str = "hang") -> None:
    pieces = [event(msgspec.json.encode(e)) for e in (StateSnapshot(first), *events)]
    server.on("GET /spark/v1/events", stream(*pieces, then=then))


def models(server: ScriptedServer, first: VariantStatus, *later: VariantStatus, then: str = "hang") -> None:
    tell(server, state(first, Missing()), NOISE, *(VariantChanged(ID, s) for s in later), then=then)


def components(server: ScriptedServer, first: ComponentStatus, *later: ComponentStatus) -> None:
    tell(server, state(Unloaded(), first), NOISE, *(ComponentChanged(entry(s)) for s in later))


async def refused(work: Any) -> str:
    with pytest.raises(SparkError) as caught:
        await asyncio.wait_for(work, 5)
    return caught.value.code


async def test_load_shows_the_way_and_ends_when_ready(server: ScriptedServer, client: SparkClient) -> None:
    seen: list[VariantStatus] = []
    steps = (
        Loading(0.0, "starting"),
        Loading(0.5, "reading"),
        Restarting(1, 0.5, "crashed"),
        Loading(0.9, "x"),
    )
    models(server, Unloaded(), *steps, READY)
    done = await asyncio.wait_for(loaded(client, "phi", seen.append), 5)
    assert done.status == READY
    assert seen == [*steps, READY]


async def test_what_is_loaded_is_loaded(server: ScriptedServer, client: SparkClient) -> None:
    models(server, READY)
    assert (await asyncio.wait_for(loaded(client, "phi", lambda s: None), 5)).status == READY


async def test_an_old_failure_is_not_the_answer(server: ScriptedServer, client: SparkClient) -> None:
    models(server, FAILED, Loading(0.1, "starting"), READY)
    assert (await asyncio.wait_for(loaded(client, "phi", lambda s: None), 5)).status == READY


@pytest.mark.parametrize(
    ("later", "code"),
    [
        ((Loading(0.1, ""), FAILED), "no_memory"),
        ((Loading(0.1, ""), Unloading(), Unloaded()), "model_unloaded"),
    ],
)
async def test_a_load_that_fails(
    server: ScriptedServer, client: SparkClient, later: tuple[VariantStatus, ...], code: str
) -> None:
    models(server, Unloaded(), *later)
    assert await refused(loaded(client, "phi", lambda s: None)) == code


@pytest.mark.parametrize(("then", "code"), [("end", "engine_stopped"), ("cut", "connection_lost")])
async def test_the_engine_ends_meanwhile(
    server: ScriptedServer, client: SparkClient, then: str, code: str
) -> None:
    models(server, Unloaded(), Loading(0.1, ""), then=then)
    assert await refused(loaded(client, "phi", lambda s: None)) == code


async def test_unload_waits_for_the_end(server: ScriptedServer, client: SparkClient) -> None:
    models(server, READY, Unloading(), Unloaded())
    assert (await asyncio.wait_for(unloaded(client, "phi"), 5)).status == Unloaded()


async def test_install(server: ScriptedServer, client: SparkClient) -> None:
    seen: list[Installing] = []
    steps = (Installing(0.0, "starting"), Installing(0.4, "building"))
    components(server, Missing(), *steps, Verified("0.3", "AVX2"))
    done = await asyncio.wait_for(installed(client, "gguf", seen.append), 5)
    assert done.status == Verified("0.3", "AVX2")
    assert seen == list(steps)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (Broken("no_compiler", "T", "M", "R"), "no_compiler"),
        (Missing(), "installation_cancelled"),
        (Installed("0.2"), "installation_cancelled"),
    ],
)
async def test_an_installation_that_fails(
    server: ScriptedServer, client: SparkClient, end: ComponentStatus, code: str
) -> None:
    components(server, Broken("old", "T", "M"), Installing(0.1, ""), end)
    assert await refused(installed(client, "gguf", lambda s: None)) == code


async def test_remove(server: ScriptedServer, client: SparkClient) -> None:
    components(server, Verified("0.3"), Removing(), Missing())
    assert (await asyncio.wait_for(removed(client, "gguf"), 5)).status == Missing()
    components(server, Verified("0.3"), Removing(), Broken("pip_failed", "T", "M"))
    assert await refused(removed(client, "gguf")) == "pip_failed"


async def test_an_interrupted_installation_is_cancelled(server: ScriptedServer, base: BaseDir) -> None:
    components(server, Missing(), Installing(0.1, "building"))
    write_endpoint(base, server.endpoint)
    work = create_task(_install(Shell(True, str(base.root)), "gguf"), name="the test")
    while len(server.asked) < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert [a.path.rpartition("/")[2] for a in server.asked if a.method == "POST"] == ["install", "cancel"]


def downloads(server: ScriptedServer, *steps: DownloadStatus | None) -> None:
    """The statuses of a download; None drops it."""
    server.on("POST /spark/v1/downloads", reply({"id": ID}, 202))
    told = (
        DownloadDropped(ID) if s is None else DownloadChanged(DownloadEntry(ID, "org/phi", s)) for s in steps
    )
    tell(
        server,
        state(NotInstalled(), Missing()),
        DownloadChanged(DownloadEntry("other:x", "o/x", Paused())),
        *told,
    )


async def test_a_pull_shows_the_way_and_ends_when_the_model_is_here(
    server: ScriptedServer, client: SparkClient
) -> None:
    seen: list[DownloadStatus] = []
    steps = (Preparing("asking"), Fetching(1e6, 3.0), Fetched(4.0))
    downloads(server, *steps)
    done = await asyncio.wait_for(fetched(client, "phi", True, lambda e: seen.append(e.status)), 5)
    assert (done.id, done.status) == (ID, steps[-1])
    assert seen == list(steps)
    assert next(a for a in server.asked if a.method == "POST").json == {"model": "phi", "load": True}


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (DownloadFailed("hash_mismatch", "T", "M"), "hash_mismatch"),
        (Paused(), "download_paused"),
        (None, "download_cancelled"),
    ],
)
async def test_a_pull_that_does_not_arrive(
    server: ScriptedServer, client: SparkClient, last: DownloadStatus | None, code: str
) -> None:
    downloads(server, Fetching(), last)
    assert await refused(fetched(client, "phi", False, lambda e: None)) == code
