"""Spark's own calls about its logs: the latest lines, and new ones as they are written."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess
from spark_engine.api.control.wire import as_json, encoder
from spark_engine.api.openapi import replies
from spark_engine.api.sse import EventStream, sse
from spark_engine.types.logs import LogPage

router = APIRouter(
    prefix="/spark/v1/logs", tags=["Logs"], dependencies=OWNER_ONLY, default_response_class=Response
)
MOST = 5000
After = Annotated[int, Query(ge=0, description="The number of the last line that is known already.")]
Limit = Annotated[int, Query(ge=1, le=MOST)]


@router.get("", responses=replies(LogPage, "Lines of the logs."))
async def logs(engine: EngineAccess, after: After = 0, limit: Limit = 1000) -> Response:
    """The latest lines of engine, runners and app, without secrets; prompts and answers are never logged."""
    return as_json(await engine.logs.page(after, limit))


@router.get("/events", responses=replies(LogPage, "Lines as they are written.", media="text/event-stream"))
async def log_events(engine: EngineAccess, after: After = 0, limit: Limit = 1000) -> Response:
    """The same as server-sent events: first the latest lines, then new ones."""
    pages = engine.logs.follow(after, limit)
    return EventStream(_events(pages), pages.aclose)


async def _events(pages: AsyncGenerator[LogPage, None]) -> AsyncIterator[bytes]:
    async for page in pages:
        yield sse(encoder.encode(page))
