"""What /openapi.json says: request schemas from pydantic, reply schemas from the structs really sent."""

from typing import Any

import msgspec
from fastapi import FastAPI

from spark_engine.api.errors import ErrorReply

_REF = "#/components/schemas/{name}"
Responses = dict[int | str, dict[str, Any]]


def replies(
    type: Any, sentence: str, *, status: int = 200, events: Any = None, media: str = "application/json"
) -> Responses:
    """`responses` of a route that answers with `type` (or streams `events`), and its refusals.

    Structs named here must also be among the `structs` of the application.
    """
    content = {} if type is None else {media: {"schema": _schema(type)}}
    if events is not None:
        content["text/event-stream"] = {"schema": _schema(events)}
    refused = {"application/json": {"schema": _schema(ErrorReply)}}
    return {
        status: {"description": sentence, "content": content},
        "4XX": {"description": "The request is refused.", "content": refused},
        "5XX": {"description": "Spark cannot answer now.", "content": refused},
    }


class DocumentedApi(FastAPI):
    """FastAPI whose document also holds the schemas of `structs`, the types that replies are made of."""

    def __init__(self, structs: tuple[Any, ...], **options: Any) -> None:
        self._structs = (ErrorReply, *structs)
        super().__init__(**options)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            _, structs = msgspec.json.schema_components(self._structs, ref_template=_REF)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            twice = schemas.keys() & structs.keys()
            assert not twice, f"two shapes of one name: {twice}"
            schemas.update(structs)
        return self.openapi_schema or {}


def _schema(type: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([type], ref_template=_REF)
    return schema
