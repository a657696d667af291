"""JSON of a model's files, bounded in size and depth, with every key once and every number finite."""

import json
import re
from typing import Any, NoReturn

from spark_engine.catalog.formats.refusal import Refused, refuse, require, shown

MOST_BYTES = 16 * 1024 * 1024
MOST_DEPTH = 64
MOST_PARTS = 1_000_000
"""Lists and objects, which take many times the memory that they take in the file."""
# A string that never ends is one match too: else every quote in it would be tried again.
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]}]', re.DOTALL)


def read_object(data: bytes, name: str) -> dict[str, Any]:
    """The object in the file `name`, whose bytes are `data`. Refused when there is none."""
    try:
        return parse_object(data)
    except Refused as error:
        raise Refused(error.code, f"{name}: {error.reason}", name) from None


def parse_object(data: bytes) -> dict[str, Any]:
    """The object in `data`. Refused when there is none."""
    require(len(data) <= MOST_BYTES, "too_large", "it is larger than such a file can be")
    try:
        text = data.decode("utf-8")
        parts = text.count("[") + text.count("{")
        require(parts <= MOST_PARTS, "too_complex", "it has more parts than such a file can have")
        require(parts <= MOST_DEPTH or _depth(text) <= MOST_DEPTH, "too_deep", "it is nested too deeply")
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        raise Refused("bad_json", f"it is no JSON ({shown(str(error), 80)})") from None
    if not isinstance(value, dict):
        refuse("bad_json", "it is no JSON object")
    return value


def _depth(text: str) -> int:
    """How many brackets are open at most."""
    depth = deepest = 0
    for found in _STRUCTURE.finditer(text):
        sign = text[found.start()]
        if sign in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in "]}":
            depth -= 1
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        refuse("duplicate_key", "a key stands twice, so that programs disagree about its value")
    return made


def _not_finite(text: str) -> NoReturn:
    refuse("bad_json", f"{text} is no number of JSON")
