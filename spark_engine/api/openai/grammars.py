"""What a request says its answer has to be, in OpenAI's, Spark's and vLLM's words, as one grammar."""

import json
from typing import Any

from spark_engine.api.openai.schema import GrammarBody, ResponseFormat, SamplingBody
from spark_engine.errors import InvalidRequest
from spark_engine.types.generation import (
    ChoiceGrammar,
    Grammar,
    JsonObjectGrammar,
    JsonSchemaGrammar,
    LarkGrammar,
    RegexGrammar,
)

MAX_DEPTH = 64


def grammar_of(body: SamplingBody) -> Grammar | None:
    """The grammar of an answer; None when it is free. InvalidRequest when two are given."""
    given = [grammar for grammar in _grammars(body) if grammar is not None]
    if len(given) > 1:
        raise wrong(given[1].param, f"cannot be kept together with {given[0].param}")
    return given[0] if given else None


def _grammars(body: SamplingBody) -> tuple[Grammar | None, ...]:
    return (
        _response_format(body.response_format) if body.response_format else None,
        _grammar(body.grammar) if body.grammar is not None else None,
        _schema(body.guided_json, "guided_json") if body.guided_json is not None else None,
        RegexGrammar(body.guided_regex, "guided_regex") if body.guided_regex else None,
        LarkGrammar(body.guided_grammar, "guided_grammar") if body.guided_grammar else None,
        ChoiceGrammar(tuple(body.guided_choice), "guided_choice") if body.guided_choice else None,
    )


def _response_format(given: ResponseFormat) -> Grammar | None:
    if given.type == "text":
        return None
    named = given.json_schema if given.type == "json_schema" else None
    schema = named.schema_ if named else given.schema_
    if schema is None:
        return JsonObjectGrammar("response_format")
    return _schema(schema, "response_format", strict=named is None or named.strict is not False)


def _grammar(given: str | GrammarBody) -> Grammar:
    if isinstance(given, str):
        return LarkGrammar(given)
    if given.type == "json_schema":
        return _schema(given.value, "grammar")
    kind = RegexGrammar if given.type == "regex" else LarkGrammar
    return kind(str(given.value))


def _schema(given: str | dict[str, Any], param: str, *, strict: bool = True) -> Grammar:
    if isinstance(given, str):
        return JsonSchemaGrammar(given, strict, param)
    check_json(given, param)
    return JsonSchemaGrammar(json.dumps(given, ensure_ascii=False), strict, param)


def check_json(value: object, path: str, depth: int = 0) -> None:
    """Only what the pipe to the runner can carry: bounded depth, integers of 64 bits."""
    if depth > MAX_DEPTH:
        raise wrong(path, "is nested too deeply")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise wrong(path, "holds a number that is too large")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        check_json(item, path, depth + 1)


def wrong(param: str, demand: str) -> InvalidRequest:
    """The refusal of a field's value."""
    return InvalidRequest("invalid_value", "The request is wrong", f"{param} {demand}.", param=param)
