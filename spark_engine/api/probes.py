"""/health and /metrics: for load balancers, monitors and scripts; on the API and on ports of their own."""

import msgspec
from fastapi import APIRouter
from msgspec import Struct
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from spark_engine.api.access import EngineAccess
from spark_engine.api.errors import WrongMethod, error_response
from spark_engine.api.openapi import replies
from spark_engine.engine.interface import InferenceEngine
from spark_engine.errors import NotFound
from spark_engine.types.health import Problem

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
router = APIRouter(tags=["Probes"], default_response_class=Response)


class Readiness(Struct, frozen=True):
    """Whether requests are answered, and every problem that stands."""

    ready: bool
    problems: tuple[Problem, ...] = ()


_HEALTH = {**replies(Readiness, "Ready."), **replies(Readiness, "Not ready, and why.", status=503)}


@router.get("/health", responses=_HEALTH)
async def health(engine: EngineAccess) -> Response:
    """200 when the API answers, 503 with the reasons when it does not."""
    return health_response(engine)


@router.get("/metrics", responses=replies(str, "Prometheus' text format.", media="text/plain"))
async def metrics(engine: EngineAccess) -> Response:
    """Counters and gauges for Prometheus."""
    return metrics_response(engine)


def health_response(engine: InferenceEngine) -> Response:
    """Readiness and its reasons; the whole report is for the owner alone."""
    report = engine.health()
    told = Readiness(report.ready, report.problems)
    return Response(msgspec.json.encode(told), 200 if report.ready else 503, media_type="application/json")


def metrics_response(engine: InferenceEngine) -> Response:
    """The metrics."""
    return Response(engine.prometheus(), headers={"content-type": PROMETHEUS})


def probe_app(engine: InferenceEngine, path: str) -> ASGIApp:
    """An application that answers one probe only: `/health` or `/metrics` (and the same at `/`)."""
    answer = {"/health": health_response, "/metrics": metrics_response}[path]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in (path, "/"):
            refusal = NotFound("unknown_route", "No such address", f"Only {path} answers here.")
            response = error_response(refusal)
        elif scope["method"] not in ("GET", "HEAD"):
            response = error_response(WrongMethod("method_not_allowed", "Wrong method", "Use GET."))
        else:
            response = answer(engine)
        await response(scope, receive, send)

    return app
