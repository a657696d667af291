"""Follows the engine's state for as long as wanted, through lost connections and restarts of the engine."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from msgspec import Struct

from spark_engine.errors import SparkError
from spark_engine.types.state import EngineEvent, EngineState, StateSnapshot, apply_event

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 2.0


class Connected(Struct, frozen=True, tag="connected"):
    """The engine answers; `state` is how it is now."""

    state: EngineState


class Disconnected(Struct, frozen=True, tag="disconnected"):
    """The engine does not answer; `reason` is a sentence for people. Trying again goes on by itself."""

    reason: str


Events = Callable[[], AsyncGenerator[EngineEvent, None]]


async def follow(events: Events) -> AsyncGenerator[Connected | Disconnected, None]:
    """One value per change, without end. Disconnected comes once per lost connection or new reason."""
    told, delay = "", FIRST_DELAY_S
    while True:
        try:
            async with aclosing(states(events)) as changes:
                async for state in changes:
                    told, delay = "", FIRST_DELAY_S
                    yield Connected(state)
            reason = "The engine ended."
        except SparkError as error:
            reason = f"{error.title}: {error.message}"
        if reason != told:
            told = reason
            yield Disconnected(reason)
        await asyncio.sleep(delay)
        delay = min(delay * 1.5, LONGEST_DELAY_S)


async def states(events: Events) -> AsyncGenerator[EngineState, None]:
    """The state after every event of one connection; ends with it."""
    state: EngineState | None = None
    async with aclosing(events()) as changes:
        async for event in changes:
            if isinstance(event, StateSnapshot):
                state = event.state
            elif state is not None:
                state = apply_event(state, event)
            if state is not None:
                yield state
