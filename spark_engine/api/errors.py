"""Errors on the wire: every failure in OpenAI's shape, extended by title and remedy."""

import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spark_engine.errors import InvalidRequest, NotFound, SparkError, TimedOut

log = logging.getLogger(__name__)
DOCS_REMEDY = "Open /docs for every call and its fields."


class ErrorBody(Struct, frozen=True):
    """What went wrong. `param` is the path of the field at fault; `code` is stable, texts are for people."""

    message: str
    type: str
    param: str | None
    code: str
    title: str
    remedy: str


class ErrorReply(Struct, frozen=True):
    """The body of every reply that is not a success."""

    error: ErrorBody


class WrongMethod(InvalidRequest):
    """The path exists, but not with this method."""

    status = 405


class TooSlow(InvalidRequest):
    """The request did not arrive in time."""

    status = 408


class TooLarge(InvalidRequest):
    """The body is larger than the limit."""

    status = 413


class WrongMediaType(InvalidRequest):
    """The body is not JSON."""

    status = 415


class HeadTooLarge(InvalidRequest):
    """The request line and headers are larger than the limit."""

    status = 431


_NOT_AGAIN = {"x-should-retry": "false"}
"""OpenAI's clients repeat a request after any 5xx but this one: what came too late is of no use later either."""
_TYPES = {403: "permission_error", 404: "not_found_error", 409: "conflict_error"}


def error_json(error: SparkError) -> bytes:
    """The error as the JSON of an `ErrorReply`."""
    kind = _TYPES.get(error.status) or ("server_error" if error.status >= 500 else "invalid_request_error")
    message = error.message or error.title
    body = ErrorBody(message, kind, error.param, error.code, error.title, error.remedy)
    return msgspec.json.encode(ErrorReply(body))


def error_response(error: SparkError, headers: Mapping[str, str] | None = None) -> Response:
    """The reply that tells this error."""
    headers = {**(headers or {}), **(_NOT_AGAIN if isinstance(error, TimedOut) else {})}
    return Response(error_json(error), error.status, headers, "application/json")


async def on_spark_error(request: Request, error: Exception) -> Response:
    """A refusal by the engine or by a route."""
    assert isinstance(error, SparkError)
    return error_response(error)


async def on_http_error(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown paths, wrong methods, unreadable bodies."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        refusal: SparkError = NotFound(
            "unknown_route", "No such address", "Nothing answers at this path.", DOCS_REMEDY
        )
    elif error.status_code == 405:
        refusal = WrongMethod(
            "method_not_allowed", "Wrong method", "This path does not answer to this method.", DOCS_REMEDY
        )
    else:
        refusal = InvalidRequest("unreadable_request", "The request cannot be read", str(error.detail))
    return error_response(refusal, error.headers)


async def on_invalid(request: Request, error: Exception) -> Response:
    """A body or parameter that does not fit the schema: the first fault, by its path, without the value."""
    assert isinstance(error, RequestValidationError)
    return error_response(invalid_request(error.errors(), error.body))


def invalid_request(faults: Sequence[Mapping[str, Any]], body: Any) -> InvalidRequest:
    """The first of pydantic's faults as an error of ours; the input itself is never repeated."""
    fault = faults[0]
    if fault["type"] == "json_invalid":
        reason = fault.get("ctx", {}).get("error", "it cannot be parsed")
        return InvalidRequest("invalid_json", "The body is not JSON", f"The body cannot be read: {reason}.")
    path = field_path(fault["loc"], body, missing=fault["type"] == "missing")
    message = f"{path or 'The body'} {_demand(fault)}."
    code = "missing_field" if fault["type"] == "missing" else "invalid_value"
    return InvalidRequest(code, "The request is wrong", message, DOCS_REMEDY, param=path or None)


def field_path(loc: Sequence[int | str], body: Any, *, missing: bool = False) -> str:
    """`messages[0].content` for pydantic's location, leaving out what names no field (branches of unions)."""
    if loc[0] == "query":
        return str(loc[-1])
    path, here = "", body
    for place, part in enumerate(loc[1:]):
        last = place == len(loc) - 2
        if isinstance(part, int) and isinstance(here, list) and part < len(here):
            path, here = f"{path}[{part}]", here[part]
        elif isinstance(part, str) and isinstance(here, dict) and (part in here or (missing and last)):
            path, here = f"{path}.{part}" if path else part, here.get(part)
    return path


def _demand(fault: Mapping[str, Any]) -> str:
    """What the field has to be, as the rest of a sentence in plain words."""
    kind, text = fault["type"], str(fault["msg"])
    if kind in _DEMANDS:
        limits = {k: f"{v:g}" if isinstance(v, float) else v for k, v in fault.get("ctx", {}).items()}
        return _DEMANDS[kind].format(**limits)
    if kind == "value_error":
        return text.partition(", ")[2]
    return re.sub(r"^\w+ should", "must", text)


_DEMANDS = {
    "missing": "is required",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} element(s)",
}
"""By pydantic's name of the fault. A name of our own (`spark_…`) comes with its own words."""


class UnexpectedErrors:
    """Middleware: an exception nobody expected becomes a 500 with a reference that the log explains."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            refusal = internal_error(error, f"{scope['method']} {_route(scope)}")
            if not started:
                await error_response(refusal)(scope, receive, send)


def internal_error(error: Exception, where: str) -> SparkError:
    """Log an unexpected exception once; the error to tell instead carries the log's reference only."""
    reference = secrets.token_hex(4)
    log.error("internal error %s in %s", reference, where, exc_info=error)
    return SparkError(
        "internal_error",
        "Spark made a mistake",
        f"An error inside Spark kept it from answering (reference {reference}).",
        f"Try again. Spark's log explains the reference {reference}.",
    )


def _route(scope: Scope) -> str:
    """The route's pattern; never the path itself, which may carry what a user typed."""
    return str(getattr(scope.get("route"), "path", "an unknown route"))
