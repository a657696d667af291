"""Grammars in the words of the grammar engine: each kind as one Lark source."""

import json
from typing import Any

from llguidance import LLMatcher
from llguidance.gbnf_to_lark import any_to_lark

from spark_engine.errors import InvalidRequest
from spark_engine.runner.grammar_schema import ANY_SPACE, read_schema
from spark_engine.types.generation import (
    ChoiceGrammar,
    Grammar,
    JsonObjectGrammar,
    JsonSchemaGrammar,
    LarkGrammar,
    RegexGrammar,
)

MAX_BYTES = 64 * 1024
HEAD = '%llguidance {"no_forcing": true}\n'
"""The engine must not work out all that a grammar makes certain: that can be endless. The mask does, for one token."""


def source_of(grammar: Grammar) -> str:
    """The Lark source of a grammar; InvalidRequest when it is too large or cannot be read."""
    match grammar:
        case JsonObjectGrammar():
            return HEAD + "start: " + json_rule({"type": "object"}, ANY_SPACE)
        case JsonSchemaGrammar(text, strict, param):
            return HEAD + "start: " + _schema_rule(read_schema(text, param), strict)
        case RegexGrammar(pattern, param):
            return HEAD + _regex(_bounded(pattern, param))
        case ChoiceGrammar(options, param):
            _bounded("".join(options), param)
            return HEAD + "start: " + " | ".join(map(quoted, options))
        case LarkGrammar(source, param):
            return HEAD + _lark(_bounded(source, param), param)


def json_rule(schema: dict[str, Any], layout: dict[str, Any], *, lenient: bool = False) -> str:
    """A schema as a rule of a Lark grammar. `lenient`: keywords that cannot be enforced are ignored."""
    options = {**layout, "lenient": True} if lenient else layout
    return "%json " + json.dumps({**schema, "x-guidance": options})


def quoted(text: str) -> str:
    """A text as a literal of a Lark grammar."""
    return json.dumps(text, ensure_ascii=False)


def _schema_rule(schema: dict[str, Any], strict: bool) -> str:
    return json_rule(schema, ANY_SPACE, lenient=not strict)


def _regex(pattern: str) -> str:
    source: str = json.loads(LLMatcher.grammar_from_regex(pattern))["grammars"][0]["lark_grammar"]
    return source


def _lark(source: str, param: str) -> str:
    """Lark as it is; GBNF, which has `::=`, is rewritten."""
    if "::=" not in source:
        return source
    try:
        return str(any_to_lark(source))
    except Exception as error:  # the converter raises plain exceptions
        reason = f"It cannot be read as GBNF: {str(error)[:200]}"
        raise InvalidRequest("bad_grammar", "The grammar cannot be used", reason, param=param) from None


def _bounded(text: str, param: str) -> str:
    if not text.strip():
        raise InvalidRequest("bad_grammar", "The grammar cannot be used", "It is empty.", param=param)
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        reason = f"It is larger than {MAX_BYTES // 1024} KB."
        raise InvalidRequest("bad_grammar", "The grammar cannot be used", reason, param=param)
    return text
