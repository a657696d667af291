"""Spark's own calls about its settings: what they are, where they come from, and changing them."""

from typing import Annotated

from fastapi import APIRouter, Body
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess
from spark_engine.api.control.replies import Settings
from spark_engine.api.control.wire import as_json
from spark_engine.api.openapi import replies
from spark_engine.api.strict_json import StrictJsonRoute

router = APIRouter(
    prefix="/spark/v1/settings",
    tags=["Settings"],
    dependencies=OWNER_ONLY,
    route_class=StrictJsonRoute,
    default_response_class=Response,
)
Changes = Annotated[
    dict[str, bool | int | float | str | None],
    Body(
        description='Values by key, as in `{"log.level": "debug"}`; null goes back to the default.',
        max_length=200,
    ),
]


@router.get("", responses=replies(Settings, "The settings by key."))
async def settings(engine: EngineAccess) -> Response:
    """Every setting with its value, where that came from, and what it may be."""
    return as_json(await engine.settings.entries())


@router.put("", responses=replies(Settings, "The settings afterwards."))
async def change_settings(changes: Changes, engine: EngineAccess) -> Response:
    """Save settings in `spark.toml`, all or none. What can holds at once, the rest when the engine starts again."""
    return as_json(await engine.settings.change(changes))
