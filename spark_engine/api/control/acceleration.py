"""Spark's own calls about acceleration: what runs models here, checking it, changing it."""

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess
from spark_engine.api.control.replies import Acceleration, Accepted
from spark_engine.api.control.schema import Body
from spark_engine.api.control.wire import accepted, as_json, command, encoder
from spark_engine.api.openapi import replies
from spark_engine.api.strict_json import StrictJsonRoute
from spark_engine.errors import InvalidRequest

router = APIRouter(
    prefix="/spark/v1/acceleration",
    tags=["Acceleration"],
    dependencies=OWNER_ONLY,
    route_class=StrictJsonRoute,
    default_response_class=Response,
)
_NAME = 60


class SelectBody(Body):
    """A backend as in `onnx`, one of its choices or `auto`; `strict`: never the CPU instead (left out: as it is)."""

    backend: str = Field(min_length=1, max_length=_NAME)
    choice: str = Field(min_length=1, max_length=_NAME)
    strict: bool | None = None


class VerifyBody(Body):
    """What to check: a backend's choice, all of a backend, or (left out) all there are."""

    backend: str = Field("", max_length=_NAME)
    choice: str = Field("", max_length=_NAME)


@router.get("", responses=replies(Acceleration, "The backends by id, each with its choices."))
async def acceleration(engine: EngineAccess) -> Response:
    """What could run models here, what does, and how each choice did when it was checked."""
    return as_json(engine.state.acceleration)


@router.post("/select", **command("The change begins; answers that are being written finish where they are."))
async def select(body: SelectBody, engine: EngineAccess) -> Response:
    """Use a choice for a backend's models. An unchecked one is checked first; when anything fails, all stays as it is
    and the backend's `failed` says why."""
    engine.acceleration.select(body.backend, body.choice, strict=body.strict)
    return accepted(body.backend)


@router.post("/verify", **command("The checks begin; `id` names them, as `onnx/cuda onnx/cpu`."))
async def verify(body: VerifyBody, engine: EngineAccess) -> Response:
    """Let spark-nano run this way in a process of its own and set its numbers beside the CPU's."""
    if body.choice and not body.backend:
        raise InvalidRequest(
            "backend_missing",
            "The backend is missing",
            "A choice belongs to a backend.",
            "Name the backend too.",
            param="backend",
        )
    return Response(
        encoder.encode(Accepted(" ".join(engine.acceleration.verify(body.backend, body.choice)))),
        202,
        media_type="application/json",
    )
