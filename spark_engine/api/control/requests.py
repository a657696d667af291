"""Spark's own calls about requests: what is under way, what is over, and cancelling."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess
from spark_engine.api.control.wire import accepted, as_json, command
from spark_engine.api.openapi import replies
from spark_engine.types.requests import RequestPage

router = APIRouter(
    prefix="/spark/v1/requests", tags=["Requests"], dependencies=OWNER_ONLY, default_response_class=Response
)
MOST = 1000


@router.get("", responses=replies(RequestPage, "A piece of the list."))
async def requests(
    engine: EngineAccess,
    before: Annotated[str, Query(max_length=200, description="The id of a request that is over.")] = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    text: Annotated[str, Query(max_length=200, description="What the row has to contain.")] = "",
) -> Response:
    """What waits and runs, and the latest requests that are over; never prompts or answers."""
    return as_json(await engine.history.page(before=before, limit=limit, text=text))


@router.post("/{id}/cancel", **command("The request is being cancelled."))
async def cancel(id: str, engine: EngineAccess) -> Response:
    """Cancel a request that waits or runs."""
    engine.cancel(id)
    return accepted(id)
