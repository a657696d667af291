"""The list of requests and the logs over real HTTP on a real engine with real runners."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from spark_engine.client.endpoint import Endpoint
from spark_engine.client.http import SparkClient
from spark_engine.errors import NotFound, SparkError
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.chat import ChatMessage
from spark_engine.types.generation import Finished
from spark_engine.types.requests import RequestEntry, RequestPhase, is_active
from spark_engine.types.state import RequestChanged
from spark_engine.types.waiting import places
from tests.support.real_engine import serving_card
from tests.support.scripted_engine import Api
from tests.support.served import ECHO_CARD

SLOW = "echo:slow"


@pytest.fixture
async def api(base: BaseDir) -> AsyncIterator[Api]:
    async with serving_card(base, ECHO_CARD, models_slots=1) as served:
        yield served


@pytest.fixture
async def client(api: Api) -> AsyncIterator[SparkClient]:
    async with SparkClient(Endpoint(api.address, api.token, 1, "0"), caller="tester") as made:
        yield made


async def ask(client: SparkClient, words: int, model: str = SLOW, **options: object) -> Finished | None:
    ended = None
    async with aclosing(client.chat([ChatMessage("user", "word " * words)], model, **options)) as events:
        async for event in events:
            ended = event if isinstance(event, Finished) else ended
    return ended


async def refused(asked: Coroutine[Any, Any, Finished | None]) -> str:
    """The code of the error a request ends with; empty when it does not."""
    try:
        await asked
    except SparkError as error:
        return error.code
    return ""


async def until(client: SparkClient, *phases: RequestPhase, count: int = 1) -> list[RequestEntry]:
    """Wait until so many requests are in one of the phases."""
    async with asyncio.timeout(20):
        while (
            len(found := [r for r in (await client.state()).requests.values() if r.phase in phases]) < count
        ):
            await asyncio.sleep(0.02)
    return found


async def test_a_request_tells_where_its_time_went(client: SparkClient) -> None:
    ended = await ask(client, 5, temperature=0.5, max_tokens=50, logit_bias={"5": 1})
    assert ended is not None
    (entry,) = (await client.requests()).finished
    assert (entry.model, entry.device, entry.kind, entry.phase) == (SLOW, "echo", "generation", "finished")
    assert entry.usage == ended.usage
    assert entry.timings == ended.timings
    assert (entry.sampling.temperature, entry.sampling.logit_bias, entry.max_tokens) == (0.5, {}, 50)
    assert "word" not in repr(entry)
    times = entry.timings
    assert times.load_ms > 0
    total = (entry.finished_at - entry.accepted_at) * 1000 if entry.finished_at else 0.0
    assert times.load_ms + times.queue_ms + times.prefill_ms + times.decode_ms == pytest.approx(
        total, abs=150
    )


async def test_one_after_the_other_with_place_and_progress(client: SparkClient) -> None:
    await ask(client, 3)
    watching = create_task(_phases(client), name="phases")
    await asyncio.sleep(0.1)
    asked = [create_task(ask(client, 40), name=f"ask {n}") for n in range(3)]
    running = (await until(client, "running"))[0]
    await until(client, "waiting", count=2)
    assert running.timings.queue_ms >= 0
    async with asyncio.timeout(10):
        while (
            not (state := await client.state()).queue
            or not state.requests[running.id].usage.completion_tokens
        ):
            await asyncio.sleep(0.05)
    found = places(state, state.metrics.at)
    assert sorted(place.position for place in found.values()) == [1, 2]
    assert list(found) == sorted(found, key=lambda id: state.requests[id].accepted_at)
    assert all(place.seconds is not None for place in found.values())
    await asyncio.gather(*asked)
    await cancel_and_wait(watching)
    page = await client.requests()
    assert (page.active, len(page.finished)) == ((), 4)
    assert page.finished[0].timings.queue_ms > 500


async def _phases(client: SparkClient) -> None:
    async with aclosing(client.events()) as events:
        async for _ in events:
            pass


async def test_what_waits_loads_or_runs_can_be_cancelled(client: SparkClient) -> None:
    loading = create_task(refused(ask(client, 40)), name="loading")
    (entry,) = await until(client, "loading")
    await client.cancel_request(entry.id)
    assert await loading == "cancelled"
    running, waiting = (create_task(ask(client, 300), name=f"ask {n}") for n in range(2))
    (first,) = await until(client, "running")
    (second,) = [r for r in await until(client, "waiting") if r.id != first.id]
    await client.cancel_request(second.id)
    await client.cancel_request(first.id)
    await asyncio.gather(running, waiting, return_exceptions=True)
    over = {r.id: r for r in (await client.requests()).finished}
    assert {over[id].phase for id in (entry.id, first.id, second.id)} == {"cancelled"}
    assert {r.error_code for r in over.values()} == {""}
    assert not any(is_active(r) for r in (await client.state()).requests.values())
    with pytest.raises(NotFound):
        await client.cancel_request(first.id)


async def test_the_list_outlives_what_the_state_keeps(client: SparkClient, api: Api) -> None:
    engine = api.engine
    for number in range(250):
        entry = RequestEntry(f"r{number}", SLOW, "finished", "Editor", 1.0, 2.0)
        engine._bus.publish(RequestChanged(entry))  # type: ignore[attr-defined]
        engine.history.add(replace(entry))  # type: ignore[attr-defined]
    assert len((await client.state()).requests) == 200
    seen: list[str] = []
    page = await client.requests(limit=100, text="editor")
    while True:
        seen += [entry.id for entry in page.finished]
        if not page.next:
            break
        page = await client.requests(before=page.next, limit=100, text="editor")
    assert seen == [f"r{n}" for n in range(249, -1, -1)]


async def test_logs_as_a_page_and_as_events(client: SparkClient, base: BaseDir) -> None:
    (base.logs / "engine.log").write_text("2031-01-01T00:00:00.000Z engine INFO x: first\n")
    assert [line.text for line in (await client.logs()).lines] == ["first"]
    async with aclosing(client.follow_logs(limit=10)) as pages:
        assert [line.text for line in (await anext(pages)).lines] == ["first"]
        with (base.logs / "engine.log").open("a") as file:
            file.write("2031-01-01T00:00:01.000Z runner ERROR m:v: second\n  and more\n")
        async with asyncio.timeout(8):
            (line,) = (await anext(pages)).lines
    assert (line.number, line.part, line.level, line.text) == (2, "runner", "error", "second\n  and more")
