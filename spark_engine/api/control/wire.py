"""How Spark's own calls answer: 202 for what was taken, JSON of the shared vocabulary for what is asked."""

from typing import Any

import msgspec
from starlette.responses import Response

from spark_engine.api.control.replies import Accepted
from spark_engine.api.openapi import Responses, replies

encoder = msgspec.json.Encoder()


def command(sentence: str) -> dict[str, Any]:
    """The options of a route that begins something."""
    responses: Responses = replies(Accepted, sentence, status=202)
    return {"status_code": 202, "responses": responses}


def accepted(id: str) -> Response:
    """A command was taken; `id` is what it is about."""
    return Response(encoder.encode(Accepted(id)), 202, media_type="application/json")


def as_json(reply: Any) -> Response:
    """Structs as JSON."""
    return Response(encoder.encode(reply), media_type="application/json")
