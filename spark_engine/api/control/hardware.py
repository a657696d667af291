"""Spark's own calls about the machine: the newest reading, what is remembered, and that somebody looks at it."""

from fastapi import APIRouter
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess
from spark_engine.api.control.wire import accepted, as_json, command
from spark_engine.api.openapi import replies
from spark_engine.types.hardware import HardwareHistory, HardwareReading, Span

router = APIRouter(
    prefix="/spark/v1/hardware", tags=["Hardware"], dependencies=OWNER_ONLY, default_response_class=Response
)


@router.get("", responses=replies(HardwareReading, "The reading."))
async def hardware(engine: EngineAccess) -> Response:
    """The newest reading of processor, memory, disk and accelerators; `at` is 0 while there is none."""
    return as_json(engine.state.hardware)


@router.get("/history", responses=replies(HardwareHistory, "The readings of the span."))
async def history(engine: EngineAccess, span: Span = "minute") -> Response:
    """Readings of the last minute (a second each), hour (means of 10 s) or day (means of 2 min)."""
    return as_json(engine.hardware.history(span))


@router.post("/watch", **command("The readings come once a second for 15 s."))
async def watch(engine: EngineAccess) -> Response:
    """Say that somebody looks at the readings, which makes them come ten times as often; repeat it before 15 s."""
    engine.hardware.watch()
    return accepted("hardware")
