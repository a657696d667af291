"""Waits for checks and changes of acceleration that a command set off."""

from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from spark_engine.cli.following import states
from spark_engine.errors import Unavailable
from spark_engine.types.acceleration import AccelerationBackend, AccelerationChoice, find_choice
from spark_engine.types.state import EngineState

if TYPE_CHECKING:
    from spark_engine.client.http import SparkClient


async def switched(
    client: "SparkClient", backend: str, choice: str, strict: bool | None, show: Callable[[str], None]
) -> AccelerationBackend:
    """Use a choice and wait until loaded models run on it; `show` is told each step. SparkError when it fails."""
    async with aclosing(states(client)) as changes:
        await anext(changes)
        await client.use_acceleration(backend, choice, strict=strict)
        began = False
        async for state in changes:
            entry = state.acceleration.get(backend)
            if entry is None:
                continue
            if entry.switching is not None:
                began = True
                show(entry.switching.step)
            elif began:
                return _settled(entry)
    raise AssertionError("the stream of states ended without an error")


async def checked(
    client: "SparkClient", backend: str, choice: str, show: Callable[[int, int, str], None]
) -> list[tuple[str, AccelerationChoice]]:
    """Check choices and wait for all of them; `show` is told how many are done, of how many, and what runs."""
    async with aclosing(states(client)) as changes:
        before = await anext(changes)
        places = [tuple(one.split("/", 1)) for one in await client.verify_acceleration(backend, choice)]
        old = {place: _choice(before, *place).check for place in places}
        state = before
        while True:
            now = {place: _choice(state, *place) for place in places}
            done = [place for place, one in now.items() if one.check != old[place] and not one.checking]
            running = next((f"{p[0]} {one.name}" for p, one in now.items() if "running" in one.checking), "")
            show(len(done), len(places), running)
            if len(done) == len(places):
                return [(place[0], now[place]) for place in places]
            state = await anext(changes)


def _settled(entry: AccelerationBackend) -> AccelerationBackend:
    if entry.failed is None:
        return entry
    failed = entry.failed
    raise Unavailable(failed.code, failed.title, f"{failed.message} What ran before goes on.", failed.remedy)


def _choice(state: EngineState, backend: str, choice: str) -> AccelerationChoice:
    found = find_choice(state.acceleration[backend], choice)
    assert found is not None, (backend, choice)
    return found
