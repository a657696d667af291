"""Spark's own calls about the programs of this machine that use it."""

from fastapi import APIRouter
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess
from spark_engine.api.control.replies import Apps
from spark_engine.api.control.schema import RankBody
from spark_engine.api.control.wire import accepted, as_json, command
from spark_engine.api.openapi import replies
from spark_engine.api.strict_json import StrictJsonRoute

router = APIRouter(
    prefix="/spark/v1/apps",
    tags=["Apps"],
    dependencies=OWNER_ONLY,
    route_class=StrictJsonRoute,
    default_response_class=Response,
)


@router.get("", responses=replies(Apps, "The apps by id."))
async def apps(engine: EngineAccess) -> Response:
    """The programs that have asked something, what they asked, and what was decided about them."""
    return as_json(engine.apps.entries())


@router.post("/{id}/pause", **command("Its requests wait."))
async def pause(id: str, engine: EngineAccess) -> Response:
    """Let an app's requests wait; those that a model has already go on."""
    engine.apps.pause(id)
    return accepted(id)


@router.post("/{id}/resume", **command("Its requests wait no more."))
async def resume(id: str, engine: EngineAccess) -> Response:
    """Let the requests of a paused app go on."""
    engine.apps.resume(id)
    return accepted(id)


@router.post("/{id}/block", **command("Its requests are refused."))
async def block(id: str, engine: EngineAccess) -> Response:
    """Refuse an app's requests from now on; those that a model has already go on."""
    engine.apps.block(id)
    return accepted(id)


@router.post("/{id}/unblock", **command("It may ask again."))
async def unblock(id: str, engine: EngineAccess) -> Response:
    """Let a blocked app ask again."""
    engine.apps.unblock(id)
    return accepted(id)


@router.post("/{id}/rank", **command("Its requests are ordered anew."))
async def rank(id: str, body: RankBody, engine: EngineAccess) -> Response:
    """Say whose requests go first; after a minute of waiting those of the others count as much."""
    engine.apps.rank(id, body.rank)
    return accepted(id)
