"""Spark's own calls, for the owner only: state and events to watch, commands that answer 202."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess, SettingsAccess
from spark_engine.api.control.replies import Accepted, Components, Models, Requests, Settings
from spark_engine.api.openapi import Responses, replies
from spark_engine.api.sse import EventStream, sse
from spark_engine.engine.interface import Watcher
from spark_engine.errors import NotFound
from spark_engine.types.health import HealthReport
from spark_engine.types.models import ModelEntry
from spark_engine.types.state import EngineEvent, EngineState, PhaseChanged

router = APIRouter(
    prefix="/spark/v1", tags=["Spark"], dependencies=OWNER_ONLY, default_response_class=Response
)
_encoder = msgspec.json.Encoder()


def _command(sentence: str) -> dict[str, Any]:
    responses: Responses = replies(Accepted, sentence, status=202)
    return {"status_code": 202, "responses": responses}


@router.get("/state", responses=replies(EngineState, "The state."))
async def state(engine: EngineAccess) -> Response:
    """The whole state right now."""
    return _json(engine.state)


@router.get("/events", responses=replies(EngineEvent, "The events.", media="text/event-stream"))
async def events(engine: EngineAccess) -> Response:
    """Server-sent events: the whole state first, then every change."""
    watcher = engine.watch()

    async def close() -> None:
        watcher.close()

    return EventStream(_events(watcher), close)


@router.get("/models", responses=replies(Models, "The models by id."))
async def models(engine: EngineAccess) -> Response:
    """Every model Spark knows, installed or not."""
    return _json(engine.state.models)


@router.post("/models/scan", **_command("The library is read anew."))
async def scan(engine: EngineAccess) -> Response:
    """Read the model library anew from disk."""
    engine.rescan()
    return _accepted("library")


@router.get("/models/{id}", responses=replies(ModelEntry, "The model."))
async def model(id: str, engine: EngineAccess) -> Response:
    """One model, by its id or a variant's."""
    known = engine.state.models
    found = known.get(id) or next((m for m in known.values() if any(v.id == id for v in m.variants)), None)
    if found is None:
        raise NotFound(
            "model_not_found", "No such model", "Spark knows no model of this name.", "See /spark/v1/models."
        )
    return _json(found)


@router.post("/models/{id}/load", **_command("The variant begins to load."))
async def load(id: str, engine: EngineAccess) -> Response:
    """Begin to load a model."""
    return _accepted(engine.load(id))


@router.post("/models/{id}/unload", **_command("The variant begins to unload."))
async def unload(id: str, engine: EngineAccess) -> Response:
    """Begin to unload a model; what it is generating fails with `model_unloaded`."""
    return _accepted(engine.unload(id))


@router.get("/requests", responses=replies(Requests, "The requests by id."))
async def requests(engine: EngineAccess) -> Response:
    """What waits, runs and has just finished; never prompts or answers."""
    return _json(engine.state.requests)


@router.post("/requests/{id}/cancel", **_command("The request is being cancelled."))
async def cancel(id: str, engine: EngineAccess) -> Response:
    """Cancel a request that waits or runs."""
    engine.cancel(id)
    return _accepted(id)


@router.get("/health", responses=replies(HealthReport, "The report."))
async def health(engine: EngineAccess) -> Response:
    """Whether Spark can answer, and every problem that stands."""
    return _json(engine.health())


@router.get("/settings", responses=replies(Settings, "The settings by key."))
async def settings(config: SettingsAccess) -> Response:
    """Every setting with its value and where that came from."""
    return _json(config.values)


@router.get("/components", responses=replies(Components, "The components by id."))
async def components(engine: EngineAccess) -> Response:
    """The libraries behind each model format."""
    return _json(engine.state.components)


@router.post("/components/{id}/install", **_command("The installation begins."))
async def install(id: str, engine: EngineAccess) -> Response:
    """Begin to install a backend component."""
    engine.install_component(id)
    return _accepted(id)


@router.post("/components/{id}/remove", **_command("The removal begins."))
async def remove(id: str, engine: EngineAccess) -> Response:
    """Begin to remove a backend component."""
    engine.remove_component(id)
    return _accepted(id)


@router.post("/components/{id}/cancel", **_command("The installation is being cancelled."))
async def cancel_installation(id: str, engine: EngineAccess) -> Response:
    """Cancel a running installation."""
    engine.cancel_component(id)
    return _accepted(id)


async def _events(watcher: Watcher) -> AsyncIterator[bytes]:
    """Ends by itself when the engine stops, so that watchers see an end and not a broken connection."""
    async for event in watcher:
        yield sse(_encoder.encode(event))
        if isinstance(event, PhaseChanged) and event.phase == "stopping":
            return


def _accepted(id: str) -> Response:
    return Response(_encoder.encode(Accepted(id)), 202, media_type="application/json")


def _json(reply: Any) -> Response:
    return Response(_encoder.encode(reply), media_type="application/json")
