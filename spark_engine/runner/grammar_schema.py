"""JSON schemas on their way into a grammar: bounded in size and depth, and objects closed where that is safe."""

import json
from typing import Any

from spark_engine.errors import InvalidRequest

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 20_000
ANY_SPACE = {"whitespace_pattern": r" |\n[ \t]{0,40}"}
"""How JSON may be laid out: on one line or indented, but never with room for endless white space."""
ONE_LINE = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?"}
_COMPOSED = frozenset(
    ("additionalProperties", "patternProperties", "unevaluatedProperties", "minProperties", "maxProperties")
    + ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref", "$dynamicRef")
    + ("dependentSchemas", "propertyNames")
)
"""Keywords beside which an object is left as open as it is."""
_BAD = "The schema cannot be used"


def read_schema(text: str, param: str) -> dict[str, Any]:
    """A schema from its JSON; InvalidRequest when it is none, too large or too deep."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise bad_schema(f"It is larger than {MAX_BYTES // 1024} KB.", param)
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        raise bad_schema("It is not JSON, or nested too deeply.", param) from None
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    check_schema(schema, param)
    return dict(schema)


def check_schema(schema: object, param: str) -> None:
    """InvalidRequest when this is no schema, or one too large or too deep to be worked on."""
    if not isinstance(schema, dict):
        raise bad_schema("It must be a JSON object.", param)
    level: list[object] = [schema]
    values = 0
    for _ in range(MAX_DEPTH):
        level = [item for value in level for item in _inside(value)]
        values += len(level)
        if not level:
            return
        if values > MAX_VALUES:
            raise bad_schema(f"It has more than {MAX_VALUES} values.", param)
    raise bad_schema(f"It is nested deeper than {MAX_DEPTH} levels.", param)


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with no more properties than those it lists, wherever it leaves that open and composes nothing.

    What fits the result fits the schema. Nothing under a composition is touched: there it could exclude everything.
    """
    if not schema:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    if _COMPOSED & schema.keys():
        return schema
    made = dict(schema)
    if isinstance(given := schema.get("properties"), dict):
        made["properties"] = {name: _closed_part(part) for name, part in given.items()}
        made["additionalProperties"] = False
    if isinstance(items := schema.get("items"), dict):
        made["items"] = _closed_part(items)
    return made


def _closed_part(schema: object) -> object:
    return closed(schema) if isinstance(schema, dict) and schema else schema


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def bad_schema(message: str, param: str) -> InvalidRequest:
    """The refusal of a schema."""
    return InvalidRequest("bad_schema", _BAD, message, "Make the schema simpler.", param=param)
