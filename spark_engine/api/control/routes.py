"""Spark's own calls, for the owner only: state and events to watch, commands that answer 202."""

from collections.abc import AsyncIterator

from fastapi import APIRouter
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess
from spark_engine.api.control.replies import Components
from spark_engine.api.control.wire import accepted, as_json, command, encoder
from spark_engine.api.openapi import replies
from spark_engine.api.sse import EventStream, sse
from spark_engine.engine.interface import Watcher
from spark_engine.types.state import EngineEvent, EngineState, PhaseChanged

router = APIRouter(
    prefix="/spark/v1", tags=["Spark"], dependencies=OWNER_ONLY, default_response_class=Response
)


@router.get("/state", responses=replies(EngineState, "The state."))
async def state(engine: EngineAccess) -> Response:
    """The whole state right now."""
    return as_json(engine.state)


@router.get("/events", responses=replies(EngineEvent, "The events.", media="text/event-stream"))
async def events(engine: EngineAccess) -> Response:
    """Server-sent events: the whole state first, then every change."""
    watcher = engine.watch()

    async def close() -> None:
        watcher.close()

    return EventStream(_events(watcher), close)


@router.post("/pause", **command("New requests wait."))
async def pause(engine: EngineAccess) -> Response:
    """Let every program's new requests wait; those that a model has already go on. It ends with the engine."""
    engine.apps.pause_all()
    return accepted("serving")


@router.post("/resume", **command("Requests wait no more."))
async def resume(engine: EngineAccess) -> Response:
    """Answer requests again, those that wait first."""
    engine.apps.resume_all()
    return accepted("serving")


@router.get("/components", responses=replies(Components, "The components by id."))
async def components(engine: EngineAccess) -> Response:
    """The libraries behind each model format."""
    return as_json(engine.state.components)


@router.post("/components/{id}/install", **command("The installation begins."))
async def install(id: str, engine: EngineAccess) -> Response:
    """Begin to install a backend component."""
    engine.install_component(id)
    return accepted(id)


@router.post("/components/{id}/remove", **command("The removal begins."))
async def remove(id: str, engine: EngineAccess) -> Response:
    """Begin to remove a backend component."""
    engine.remove_component(id)
    return accepted(id)


@router.post("/components/{id}/cancel", **command("The installation is being cancelled."))
async def cancel_installation(id: str, engine: EngineAccess) -> Response:
    """Cancel a running installation."""
    engine.cancel_component(id)
    return accepted(id)


async def _events(watcher: Watcher) -> AsyncIterator[bytes]:
    """Ends by itself when the engine stops, so that watchers see an end and not a broken connection."""
    async for event in watcher:
        yield sse(encoder.encode(event))
        if isinstance(event, PhaseChanged) and event.phase == "stopping":
            return
