"""/docs: every call and its fields as one page without scripts or anything from elsewhere."""

from collections.abc import Iterator
from html import escape
from typing import Any

from starlette.responses import HTMLResponse, Response

Schema = dict[str, Any]
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MAX_DEPTH = 5
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #d9730d; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; } code, .path { font-family: ui-monospace, monospace; }
details { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0; padding: 0 1rem; }
summary { cursor: pointer; padding: .6rem 0; } summary span { opacity: .75; }
.verb { display: inline-block; min-width: 3.2rem; font-weight: 700; color: var(--accent); }
.path { font-weight: 600; margin-right: .8rem; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0 1rem; }
td, th { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; } th { background: var(--soft); font-weight: 600; }
pre { background: var(--soft); padding: .7rem 1rem; border-radius: 8px; overflow-x: auto; }
"""


def docs_page(document: Schema) -> Response:
    """The page for an OpenAPI document."""
    body = "".join(_page(document))
    return HTMLResponse(body, headers={"content-security-policy": _POLICY, "cache-control": "no-cache"})


def _page(document: Schema) -> Iterator[str]:
    info = document["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
    yield f"<style>{_STYLE}</style><h1>{title}</h1><p>{escape(info['description'])} "
    yield "The same as data: <a href='/openapi.json'>openapi.json</a></p>"
    yield f"<pre>{escape(_EXAMPLE)}</pre>"
    for tag, operations in _by_tag(document).items():
        yield f"<h2>{escape(tag)}</h2>"
        for verb, path, operation in operations:
            yield from _operation(document, verb, path, operation)


def _by_tag(document: Schema) -> dict[str, list[tuple[str, str, Schema]]]:
    tags: dict[str, list[tuple[str, str, Schema]]] = {}
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            tags.setdefault(operation.get("tags", ["Other"])[0], []).append((verb, path, operation))
    return tags


def _operation(document: Schema, verb: str, path: str, operation: Schema) -> Iterator[str]:
    sentence = escape(operation.get("description", ""))
    yield f'<details><summary><span class="verb">{verb.upper()}</span>'
    yield f'<span class="path">{escape(path)}</span><span>{sentence}</span></summary>'
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield _fields(document, f"Request body ({media})", content["schema"])
    for status, reply in operation["responses"].items():
        if not reply.get("content"):
            yield f"<p><b>{status}</b> {escape(reply['description'])}</p>"
        for media, content in reply.get("content", {}).items():
            yield _fields(document, f"{status} {reply['description']} ({media})", content["schema"])
    yield "</details>"


def _fields(document: Schema, title: str, schema: Schema) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(path)}</code></td><td>{escape(kind)}</td><td>{escape(note)}</td></tr>"
        for path, kind, note in _rows(document, schema, "", 0)
    )
    kind = escape(_kind(document, schema))
    return f"<table><tr><th colspan='3'>{escape(title)}: {kind}</th></tr>{rows}</table>"


def _rows(document: Schema, schema: Schema, prefix: str, depth: int) -> Iterator[tuple[str, str, str]]:
    """Path, type and note of every field, nested ones after the field that holds them."""
    found = _object_in(document, schema)
    if found is None or depth > _MAX_DEPTH:
        return
    required = found.get("required", [])
    for name, field in found.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield path, _kind(document, field), _note(field, name in required)
        inside = "[]." if _is_list(document, field) else "."
        yield from _rows(document, field, path + inside, depth + 1)


def _object_in(document: Schema, schema: Schema) -> Schema | None:
    """The one object a schema stands for, through references, lists and `or null`; None: no such one."""
    schema = _resolved(document, schema)
    if "properties" in schema:
        return schema
    if "items" in schema:
        return _object_in(document, schema["items"])
    found = [o for option in _options(schema) if (o := _object_in(document, option)) is not None]
    return found[0] if len(found) == 1 else None


def _is_list(document: Schema, schema: Schema) -> bool:
    schema = _resolved(document, schema)
    return "items" in schema or any(_is_list(document, option) for option in _options(schema))


def _kind(document: Schema, schema: Schema) -> str:
    """A schema's type in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if options := _options(schema):
        return " or ".join(dict.fromkeys(_kind(document, o) for o in options))
    if "enum" in schema or "const" in schema:
        return " | ".join(repr(v) for v in schema.get("enum", [schema.get("const")]))
    if "items" in schema:
        return f"list of {_kind(document, schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_kind(document, schema['additionalProperties'])}"
    return str(schema.get("type", "any"))


def _note(field: Schema, required: bool) -> str:
    limits = [
        f"{word} {_number(option[key])}"
        for option in (field, *_options(field))
        for key, word in _LIMITS.items()
        if key in option
    ]
    parts = ["required"] if required else []
    return "; ".join([*parts, *limits, *filter(None, [field.get("description", "")])])


def _number(value: float) -> str:
    """Limits of 64-bit integers arrive as rounded doubles."""
    return f"{value:.15g}" if abs(value) < 2**53 else f"{value:.3g}"


def _options(schema: Schema) -> list[Schema]:
    options: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or []
    return options


def _resolved(document: Schema, schema: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


_LIMITS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "maxItems": "entries at most",
}
_EXAMPLE = """curl http://127.0.0.1:8910/v1/chat/completions -H 'Content-Type: application/json' \\
  -d '{"model": "auto", "messages": [{"role": "user", "content": "Hello"}], "stream": true}'"""
