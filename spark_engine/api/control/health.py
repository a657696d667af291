"""Spark's own calls about its health and that of the programs it belongs with."""

from fastapi import APIRouter
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess
from spark_engine.api.control.wire import as_json
from spark_engine.api.openapi import replies
from spark_engine.types.health import HealthReport

router = APIRouter(
    prefix="/spark/v1/health", tags=["Health"], dependencies=OWNER_ONLY, default_response_class=Response
)


@router.get("", responses=replies(HealthReport, "The report."))
async def health(engine: EngineAccess) -> Response:
    """Whether Spark can answer, every problem that stands, and each part of Spark and its ecosystem."""
    return as_json(engine.health())


@router.post("/check", responses=replies(HealthReport, "The report."))
async def check(engine: EngineAccess) -> Response:
    """Look at everything anew, which takes about a second, and tell the health then."""
    return as_json(await engine.check_health())
