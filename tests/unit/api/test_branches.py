"""Several answers to one prompt: all start or none does, none is lost, and whoever leaves ends them all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from spark_engine.api.branches import Branches, branches_of, together
from spark_engine.errors import DeadlineExceeded, Unavailable
from spark_engine.types.chat import TextPrompt
from spark_engine.types.generation import Delta, Failed, Finished, GenerationRequest, SamplingOptions
from tests.support.scripted_engine import ScriptedEngine, finished

REQUEST = GenerationRequest("r", "auto", TextPrompt("x"), SamplingOptions(seed=2**63 - 1))


async def speaks(request: GenerationRequest) -> AsyncIterator[Delta | Finished | Failed]:
    """Its own id, letter by letter."""
    for letter in request.id:
        yield Delta(letter, (1,))
        await asyncio.sleep(0.001)
    yield finished()


async def told(branches: Branches) -> tuple[list[str], list[Any]]:
    texts, ends = [""] * branches.count, []
    async with aclosing(branches.events()) as events:
        async for index, event in events:
            if isinstance(event, Delta):
                texts[index] += event.text
            else:
                ends.append(event)
    return texts, ends


def test_each_has_an_id_and_a_seed_of_its_own() -> None:
    made = branches_of(REQUEST, 3)
    assert made[0] == REQUEST
    assert len({request.id for request in made}) == 3
    assert [request.sampling.seed for request in made] == [2**63 - 1, -(2**63), -(2**63) + 1]
    unseeded = branches_of(replace(REQUEST, sampling=SamplingOptions()), 2)
    assert [request.sampling.seed for request in unseeded] == [None, None]


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_every_event_comes_with_its_number(count: int) -> None:
    branches = await Branches.submit(ScriptedEngine(speaks), branches_of(REQUEST, count))
    texts, ends = await told(branches)
    assert texts == [request.id for request in branches_of(REQUEST, count)]
    assert len(ends) == count


async def test_when_one_is_refused_the_others_are_ended() -> None:
    engine = ScriptedEngine(speaks)

    async def refuse_the_third() -> None:
        if len(engine.requests) == 3:
            raise Unavailable("queue_full", "Full", "There is no room.")

    engine._before = refuse_the_third
    with pytest.raises(Unavailable):
        await Branches.submit(engine, branches_of(REQUEST, 4))
    assert engine.cancelled == ["r", "r-1"]
    assert len(engine.requests) == 3


async def test_leaving_ends_all_that_are_not_over() -> None:
    async def endless(request: GenerationRequest) -> AsyncIterator[Delta | Finished | Failed]:
        if request.id == "r-1":
            yield finished()
            return
        while True:
            yield Delta("x", (1,))
            await asyncio.sleep(0.001)

    engine = ScriptedEngine(endless)
    branches = await Branches.submit(engine, branches_of(REQUEST, 3))
    async with aclosing(branches.events()) as events:
        async for _, event in events:
            if isinstance(event, Finished):
                break
    await branches.aclose()
    await branches.aclose()
    assert engine.cancelled == ["r", "r-2"]


async def test_one_that_fails_is_told_and_spoils_a_whole_reply() -> None:
    async def second_fails(request: GenerationRequest) -> AsyncIterator[Delta | Finished | Failed]:
        yield Delta("x", (1,))
        yield Failed("runner_crashed", "It ended", "It ended.") if request.id == "r-1" else finished()

    branches = await Branches.submit(ScriptedEngine(second_fails), branches_of(REQUEST, 2))
    _, ends = await told(branches)
    assert {type(end) for end in ends} == {Finished, Failed}
    again = await Branches.submit(ScriptedEngine(second_fails), branches_of(REQUEST, 2))
    with pytest.raises(Unavailable):
        await again.collect()


async def test_all_have_the_same_deadline_however_late_they_start() -> None:
    engine = ScriptedEngine(speaks, before=lambda: asyncio.sleep(0.05))
    branches = await Branches.submit(engine, branches_of(replace(REQUEST, deadline_s=5.0), 3))
    first, second, third = [request.deadline_s for request in engine.requests]
    assert first == 5.0
    assert second is not None and third is not None
    assert 4 < third < second - 0.04 < first - 0.08
    await branches.aclose()


async def test_when_no_time_is_left_for_one_all_are_ended() -> None:
    engine = ScriptedEngine(speaks, before=lambda: asyncio.sleep(0.05))
    with pytest.raises(DeadlineExceeded) as late:
        await Branches.submit(engine, branches_of(replace(REQUEST, deadline_s=0.02), 3))
    assert "0.02 s" in late.value.message
    assert engine.cancelled == ["r"]
    assert len(engine.requests) == 1


def test_one_end_alone_stays_as_it_is() -> None:
    end = finished()
    assert together([end]) is end
