"""Waits for what a command set off: reads the event stream until a model or component has come to rest."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from spark_engine.client.watching import states as client_states
from spark_engine.errors import Conflict, NotFound, SparkError, Unavailable
from spark_engine.types.components import Broken, ComponentEntry, Installing, Missing, Removing, Verified
from spark_engine.types.conversions import ConversionEntry, ConversionFailed, Converted, Converting
from spark_engine.types.downloads import DownloadEntry, DownloadFailed, Fetched, Paused, is_running
from spark_engine.types.models import (
    LoadFailed,
    Ready,
    Unloaded,
    VariantEntry,
    VariantStatus,
    is_moving,
    is_ready,
)
from spark_engine.types.state import EngineState, find_variant

if TYPE_CHECKING:
    from spark_engine.client.http import SparkClient

States = AsyncGenerator[EngineState, None]


async def states(client: "SparkClient") -> States:
    """The engine's state after every event; SparkError when the engine ends."""
    async with aclosing(client_states(client.events)) as changes:
        async for state in changes:
            yield state
    raise Unavailable(
        "engine_stopped", "Spark stopped meanwhile", "The engine ended while this command waited for it."
    )


async def loaded(client: "SparkClient", model: str, show: Callable[[VariantStatus], None]) -> VariantEntry:
    """Load a model and wait until it answers; `show` is told each status on the way."""
    async with aclosing(states(client)) as changes:
        before = await anext(changes)
        id = await client.load(model)
        entry = _variant(before, id)
        at_first, moved = entry.status, False
        while not (is_ready(entry.status) or (moved and not is_moving(entry.status))):
            entry = _variant(await anext(changes), id)
            moved = moved or entry.status != at_first
            if moved:
                show(entry.status)
    if isinstance(entry.status, Ready):
        return entry
    raise _not_loaded(entry)


async def unloaded(client: "SparkClient", model: str) -> VariantEntry:
    """Unload a model and wait until its runner has ended."""
    async with aclosing(states(client)) as changes:
        state = await anext(changes)
        id = await client.unload(model)
        while not _is_at_rest(_variant(state, id).status):
            state = await anext(changes)
    return _variant(state, id)


async def fetched(
    client: "SparkClient", model: str, load: bool, show: Callable[[DownloadEntry], None]
) -> DownloadEntry:
    """Fetch a model and wait until it stands in the library; `show` is told each change on the way."""
    async with aclosing(states(client)) as changes:
        await anext(changes)
        id = await client.download(model, load=load)
        began = False
        async for state in changes:
            entry = state.downloads.get(id)
            began = began or (entry is not None and is_running(entry))
            if not began:
                continue  # what is known of it is from before
            if entry is None:
                raise Conflict("download_cancelled", "The download was cancelled", f"{id} is not here.")
            show(entry)
            match entry.status:
                case Fetched():
                    return entry
                case DownloadFailed(code, title, message, remedy):
                    raise Unavailable(code, title, message, remedy)
                case Paused():
                    raise Conflict(
                        "download_paused",
                        "The download is paused",
                        "What was fetched is kept.",
                        _go_on(model),
                    )
    raise AssertionError("the stream of states ended without an error")


def _go_on(model: str) -> str:
    return f"`spark models pull {model}` goes on with it."


async def converted(
    client: "SparkClient",
    model: str,
    target: tuple[str, str],
    begun: Callable[[str], None],
    show: Callable[[float, str], None],
) -> ConversionEntry:
    """Convert a variant and wait until it is done; `begun` is told the new variant's id, `show` the progress."""
    async with aclosing(states(client)) as changes:
        await anext(changes)
        id = await client.convert(model, *target)
        begun(id)
        running = False
        async for state in changes:
            match state.conversions.get(id):
                case ConversionEntry(status=Converting(fraction, step)):
                    running = True
                    show(fraction, step)
                case None if running:
                    raise Conflict(
                        "conversion_cancelled", "The conversion was cancelled", f"{id} is not made."
                    )
                case ConversionEntry(status=ConversionFailed() as failed) if running:
                    raise Unavailable(failed.code, failed.title, failed.message, failed.remedy)
                case ConversionEntry(status=Converted()) as entry if running:
                    return entry
    raise AssertionError("the stream of states ended without an error")


async def installed(client: "SparkClient", id: str, show: Callable[[Installing], None]) -> ComponentEntry:
    """Install a component and wait until a model has run with it; `show` is told the progress."""
    async with aclosing(states(client)) as changes:
        await anext(changes)
        await client.install_component(id)
        entry = await _rested(changes, id, show)
    _refuse_broken(entry)
    if not isinstance(entry.status, Verified):
        raise Conflict("installation_cancelled", "The installation was cancelled", "Nothing was changed.")
    return entry


async def removed(client: "SparkClient", id: str) -> ComponentEntry:
    """Remove a component and wait until it is gone."""
    async with aclosing(states(client)) as changes:
        await anext(changes)
        await client.remove_component(id)
        entry = await _rested(changes, id, lambda status: None)
    _refuse_broken(entry)
    if not isinstance(entry.status, Missing):
        raise Conflict("component_not_removed", f"{entry.name} is still installed", "It was not removed.")
    return entry


async def _rested(changes: States, id: str, show: Callable[[Installing], None]) -> ComponentEntry:
    """The component once it has begun to change and stopped changing."""
    began = False
    async for state in changes:
        entry = state.components.get(id)
        if entry is None:
            continue
        moving = isinstance(entry.status, Installing | Removing)
        began = began or moving
        if isinstance(entry.status, Installing):
            show(entry.status)
        if began and not moving:
            return entry
    raise AssertionError("the stream of states ended without an error")


def _refuse_broken(entry: ComponentEntry) -> None:
    if isinstance(entry.status, Broken):
        raise Unavailable(entry.status.code, entry.status.title, entry.status.message, entry.status.remedy)


def _variant(state: EngineState, id: str) -> VariantEntry:
    variant = find_variant(state, id)
    if variant is None:
        raise NotFound("model_not_found", "The model is gone", f"{id} is no longer in the library.")
    return variant


def _is_at_rest(status: VariantStatus) -> bool:
    return not is_moving(status) and not isinstance(status, Ready)


def _not_loaded(entry: VariantEntry) -> SparkError:
    match entry.status:
        case LoadFailed(code, title, message, remedy):
            return Unavailable(code, title, message, remedy)
        case Unloaded():
            return Conflict("model_unloaded", "The model was unloaded", f"{entry.id} was unloaded meanwhile.")
        case _:
            return Conflict("model_not_ready", "The model is not ready", f"{entry.id} did not become ready.")
