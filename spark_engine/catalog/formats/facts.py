"""What every format's parser says in the same words: numbers within reason, names of precisions, sizes of a cache."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from spark_engine.catalog.formats.refusal import shown

MOST_WORD = 120
MOST_LAYERS = 4096
MOST_TEMPLATE = 1024 * 1024
_CACHE_BYTES = 2
_TOOLS = re.compile(r"\b(tools?|tool_calls?|functions?)\b")
PRECISIONS = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8",
    "F8_E5M2": "float8",
    "F4": "float4",
    "I8": "int8",
    "U8": "int8",
    "I4": "int4",
    "U4": "int4",
    "I2": "int2",
    "U2": "int2",
}
"""SafeTensors' names of types, and ours."""


def whole(value: object, most: int = 2**32) -> int:
    """A number of a model's description; 0 when it is none, or beyond reason."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else 0


def first_whole(table: Mapping[str, Any], *keys: str, most: int = 2**32) -> int:
    """The first of these keys that says a number other than 0."""
    return next((number for key in keys if (number := whole(table.get(key), most))), 0)


def word(value: object) -> str:
    """A short text of a model's description; empty when it is none."""
    return shown(value, MOST_WORD).strip() if isinstance(value, str) else ""


def table(value: object) -> dict[str, Any]:
    """A nested table; empty when it is none."""
    return value if isinstance(value, dict) else {}


def cache_bytes(layers: int, kv_heads: int, key_size: int, value_size: int = 0) -> int:
    """Bytes of 16-bit keys and values of one token; `value_size` 0 means that of keys."""
    return layers * kv_heads * (key_size + (value_size or key_size)) * _CACHE_BYTES


def mentions_tools(template: str) -> bool:
    """Whether a chat template does anything with tools."""
    return _TOOLS.search(template) is not None


def dominant(bytes_by_kind: "Counter[str]") -> str:
    """The kind most bytes are of."""
    return bytes_by_kind.most_common(1)[0][0] if bytes_by_kind else ""
