"""Turns what goes wrong on the way to the engine into the errors of `spark_engine.errors`."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import msgspec
from msgspec import Struct

from spark_engine.errors import (
    Conflict,
    InvalidRequest,
    NotAllowed,
    NotFound,
    SparkError,
    TimedOut,
    Unavailable,
)

START_REMEDY = "Start it with `spark serve`, or open the Spark app with `spark`."


class ErrorBody(Struct):
    """An error as every dialect of the API reports it."""

    message: str = ""
    code: str | None = None
    title: str = ""
    remedy: str = ""
    param: str | None = None


class ErrorReply(Struct):
    """The reply that carries an error."""

    error: ErrorBody


def not_running() -> Unavailable:
    """No engine belongs to the base directory."""
    return Unavailable("engine_unreachable", "Spark is not running", "No engine answers here.", START_REMEDY)


def incompatible(error: Exception) -> SparkError:
    """What answers is not the engine this client was made for."""
    return Unavailable(
        "engine_incompatible",
        "The engine speaks differently",
        f"Its answer cannot be read: {error}.",
        "Another version of Spark is probably still running: end it and start Spark again.",
    )


def refusal(status: int, body: bytes) -> SparkError:
    """The error that an HTTP reply with this status and body stands for."""
    try:
        error = msgspec.json.decode(body, type=ErrorReply).error
    except msgspec.MsgspecError:
        return _foreign(status)
    return spark_error(status, error)


def spark_error(status: int, error: ErrorBody) -> SparkError:
    """`error` as the subclass that fits the HTTP status."""
    title = error.title or "Spark refused"
    message = error.message or f"The engine answered with status {status}."
    return _class_for(status)(error.code or "refused", title, message, error.remedy, param=error.param)


def _class_for(status: int) -> type[SparkError]:
    exact: dict[int, type[SparkError]] = {
        401: NotAllowed,
        403: NotAllowed,
        404: NotFound,
        409: Conflict,
        429: Unavailable,
        503: Unavailable,
        504: TimedOut,
    }
    return exact.get(status) or (InvalidRequest if 400 <= status < 500 else SparkError)


def _foreign(status: int) -> SparkError:
    return Unavailable(
        "not_spark",
        "Something else answers here",
        f"The reply (status {status}) does not come from Spark.",
        "Another program may have taken Spark's port; `spark doctor` says which.",
    )


@contextmanager
def translated() -> Iterator[None]:
    """Raise httpx's and msgspec's errors as Spark's own."""
    try:
        yield
    except httpx.ConnectError as error:
        raise not_running() from error
    except httpx.TimeoutException as error:
        raise _silent() from error
    except httpx.TransportError as error:
        raise lost() from error
    except msgspec.MsgspecError as error:
        raise incompatible(error) from error


def lost() -> Unavailable:
    """The connection ended before the answer did."""
    return Unavailable(
        "connection_lost",
        "The connection to Spark was lost",
        "The engine ended or broke the connection before it had answered.",
        "Try again; `spark doctor` says whether the engine still runs.",
    )


def _silent() -> Unavailable:
    return Unavailable(
        "engine_timeout",
        "Spark does not answer",
        "The engine is running but did not answer in time.",
        "Wait a moment and try again; if it stays silent, end Spark and start it again.",
    )
