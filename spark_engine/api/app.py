"""Builds the application: every dialect's routes over one engine, with errors in one shape."""

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from spark_engine import __version__
from spark_engine.api import probes
from spark_engine.api.access import Services
from spark_engine.api.asking import Asking
from spark_engine.api.control import (
    acceleration,
    apps,
    hardware,
    health,
    hub,
    logs,
    models,
    requests,
    settings,
)
from spark_engine.api.control import replies as control_replies
from spark_engine.api.control import routes as control
from spark_engine.api.disconnect import ClientGone, on_client_gone
from spark_engine.api.docs import docs_page
from spark_engine.api.errors import UnexpectedErrors, on_http_error, on_invalid, on_spark_error
from spark_engine.api.guard import Guard, Limits, loopback_hosts
from spark_engine.api.openai import embeddings, embeddings_replies
from spark_engine.api.openai import replies as openai_replies
from spark_engine.api.openai import routes as openai
from spark_engine.api.openapi import DocumentedApi
from spark_engine.config.load import Config
from spark_engine.errors import SparkError

DIALECTS: tuple[APIRouter, ...] = (
    openai.router,
    embeddings.router,
    control.router,
    models.router,
    hub.router,
    hardware.router,
    acceleration.router,
    requests.router,
    logs.router,
    settings.router,
    apps.router,
    health.router,
    probes.router,
)
STRUCTS = (*openai_replies.STRUCTS, *embeddings_replies.STRUCTS, *control_replies.STRUCTS, probes.Readiness)
# The framework's own observability hooks stay off, whatever the environment says.
_SILENT = {
    "tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False,
}  # fmt: skip


def build_app(services: Services) -> DocumentedApi:
    """The application, without the guard that stands before it."""
    app = DocumentedApi(
        STRUCTS,
        title="Spark",
        version=__version__,
        description="This workstation's own language models, for every app on it.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_SILENT,
    )
    app.state.services = services
    for router in DIALECTS:
        app.include_router(router)
    _add_docs(app)
    _add_errors(app, services)
    return app


def guard_for(app: DocumentedApi, config: Config, port: int | None) -> Guard:
    """`app` as it is served at a port, or (None) at the owner's socket."""
    return Guard(app, limits_for(config, port))


def limits_for(config: Config, port: int | None) -> Limits:
    """What requests at a port, or (None) at the owner's socket, may be."""
    return Limits(
        hosts=None if port is None else loopback_hosts(port),
        max_body=config.integer("server.max_body_mb") * 1024**2,
        timeout_s=config.integer("server.request_timeout_s"),
        owner=port is None,
    )


def _add_errors(app: DocumentedApi, services: Services) -> None:
    app.add_exception_handler(SparkError, on_spark_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(ClientGone, on_client_gone)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(Asking, desk=services.engine.apps)


def _add_docs(app: DocumentedApi) -> None:
    @app.get("/docs", include_in_schema=False, response_class=Response)
    async def docs() -> Response:
        return docs_page(app.openapi())
