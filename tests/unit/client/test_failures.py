"""What goes wrong on the way becomes the right error, always with something to do."""

import httpx
import msgspec
import pytest

from spark_engine.client.failures import refusal, translated
from spark_engine.errors import (
    Conflict,
    InvalidRequest,
    NotAllowed,
    NotFound,
    SparkError,
    TimedOut,
    Unavailable,
)


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (400, InvalidRequest),
        (413, InvalidRequest),
        (401, NotAllowed),
        (403, NotAllowed),
        (404, NotFound),
        (409, Conflict),
        (429, Unavailable),
        (503, Unavailable),
        (504, TimedOut),
        (500, SparkError),
    ],
)
def test_the_status_chooses_the_family(status: int, family: type[SparkError]) -> None:
    body = b'{"error": {"code": "c", "title": "T", "message": "M", "remedy": "R", "param": "p", "type": "x"}}'
    error = refusal(status, body)
    assert type(error) is family
    assert (error.code, error.title, error.message, error.remedy, error.param) == ("c", "T", "M", "R", "p")


@pytest.mark.parametrize("body", [b"", b"<html>404</html>", b"[]", b'{"detail": "no"}', b"\xff"])
def test_a_foreign_reply_says_that_it_is_not_spark(body: bytes) -> None:
    error = refusal(404, body)
    assert error.code == "not_spark"
    assert "spark doctor" in error.remedy


def test_an_error_of_another_server_in_the_same_shape_is_told_too() -> None:
    error = refusal(400, b'{"error": {"message": "no", "code": null, "param": null}}')
    assert (error.code, error.message) == ("refused", "no")
    assert error.title


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (httpx.ConnectError("x"), "engine_unreachable"),
        (httpx.ReadTimeout("x"), "engine_timeout"),
        (httpx.ConnectTimeout("x"), "engine_timeout"),
        (httpx.ReadError("x"), "connection_lost"),
        (httpx.RemoteProtocolError("x"), "connection_lost"),
        (msgspec.ValidationError("x"), "engine_incompatible"),
    ],
)
def test_errors_of_the_transport(raised: Exception, code: str) -> None:
    with pytest.raises(Unavailable) as caught, translated():
        raise raised
    assert caught.value.code == code
    assert caught.value.remedy
