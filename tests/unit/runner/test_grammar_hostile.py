"""Grammars made to hang, crash or fill the runner: each is answered in bounded time, and the runner goes on.

Everything is sent to a real runner process: several of these end the grammar library's process by themselves.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from spark_engine.protocol.messages import LoadPlan, SequenceFailed, SequenceFinished, Submit
from spark_engine.types.chat import ChatMessage, ChatPrompt
from spark_engine.types.generation import (
    GenerationRequest,
    Grammar,
    JsonSchemaGrammar,
    LarkGrammar,
    RegexGrammar,
    SamplingOptions,
    StopRules,
)
from tests.support.runner_process import RunnerProcess, runner_process

SECONDS = 12.0
"""For one of them, its answer of 40 tokens included; a few alone should take a tenth of it."""
MEGABYTES = 600


def schema(value: Any) -> Grammar:
    return JsonSchemaGrammar(value if isinstance(value, str) else json.dumps(value))


def chain(count: int, rule: str, last: str) -> str:
    return "\n".join(rule.format(n, n + 1) for n in range(count)) + f"\n{last.format(count)}"


def references(count: int, link: Callable[[str], Any]) -> Grammar:
    definitions = {f"d{n}": link(f"#/$defs/d{n + 1}") for n in range(count)} | {f"d{count}": {"type": "null"}}
    return schema({"$ref": "#/$defs/d0", "$defs": definitions})


def pairs(target: str) -> Any:
    return {
        "type": "object",
        "properties": {"x": {"$ref": target}, "y": {"$ref": target}},
        "required": ["x", "y"],
    }


def crossed(size: int) -> Any:
    one = [
        [{"type": "object", "properties": {f"p{i}_{j}": {}}, "required": [f"p{i}_{j}"]} for j in range(size)]
        for i in range(size)
    ]
    return {"allOf": [{"anyOf": choices} for choices in one]}


HOSTILE: dict[str, Callable[[], Grammar]] = {
    "nested quantifiers": lambda: RegexGrammar("((((a{1,100}){1,100}){1,100}){1,100})"),
    "catastrophic quantifiers": lambda: RegexGrammar("((a*)*)*b"),
    "everything twice": lambda: RegexGrammar("(.{1,3000}){1,3000}"),
    "many letters, all certain": lambda: RegexGrammar("a{100000}"),
    "endlessly many, all certain": lambda: RegexGrammar("a{4000000000}"),
    "exponential automaton": lambda: RegexGrammar("(a|b)*a(a|b){40}"),
    "unicode": lambda: RegexGrammar(r"(\p{L}{1,100}\p{Greek}*){1,200}"),
    "deep groups": lambda: RegexGrammar("(" * 30_000 + "a" + ")" * 30_000),
    "a long text": lambda: RegexGrammar("ab" * 30_000),
    "many alternatives": lambda: RegexGrammar("|".join(f"w{n}x" for n in range(8000))),
    "repeated rules": lambda: LarkGrammar('start: (("a"{1,1000}){1,1000}){1,1000}'),
    "doubling rules": lambda: LarkGrammar("start: r0\n" + chain(200, "r{0}: r{1} r{1}", 'r{0}: "a"')),
    "doubling terms": lambda: LarkGrammar("start: R0\n" + chain(60, "R{0}: R{1} R{1}", 'R{0}: "a"')),
    "a chain of rules": lambda: LarkGrammar("start: r0\n" + chain(4500, "r{0}: r{1}", 'r{0}: "a"')),
    "a chain of terms": lambda: LarkGrammar("start: R0\n" + chain(4500, "R{0}: R{1}", 'R{0}: "a"')),
    "brackets in terms": lambda: LarkGrammar("start: R0\n" + chain(3000, 'R{0}: "(" R{1} ")"', 'R{0}: "a"')),
    "deep brackets": lambda: LarkGrammar("start: " + "(" * 30_000 + '"a"' + ")" * 30_000),
    "ambiguous": lambda: LarkGrammar('start: x\nx: x x x | "a" | "aa" | "aaa" | ""'),
    "nothing but itself": lambda: LarkGrammar("start: a\na: b\nb: a"),
    "hard differences": lambda: LarkGrammar(
        "start: A\nA: /(a|b)*a(a|b){12}/ & ~/(a|b)*b(a|b){12}/ & ~/(a|b|c)*c(a|b){12}/"
    ),
    "gbnf in circles": lambda: LarkGrammar("root ::= a\na ::= b\nb ::= a"),
    "deep gbnf": lambda: LarkGrammar("root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000),
    "deep objects": lambda: schema('{"properties":{"a":' * 5000 + "{}" + "}}" * 5000),
    "a chain of references": lambda: references(4000, lambda target: {"$ref": target}),
    "doubling references": lambda: references(1000, pairs),
    "a reference to itself": lambda: schema({"$ref": "#"}),
    "references in circles": lambda: schema(
        {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}
    ),
    "crossed choices": lambda: schema(crossed(5)),
    "more crossed choices": lambda: schema(crossed(12)),
    "a megabyte of properties": lambda: schema(
        {"properties": {f"property_{n}": {"type": "string", "description": "x" * 20} for n in range(14_000)}}
    ),
    "many properties": lambda: schema({"properties": {f"property_{n}": {} for n in range(4000)}}),
    "many ranges": lambda: schema(
        {
            "properties": {
                f"p{n}": {"type": "integer", "minimum": n * 7919, "maximum": n * 10**7} for n in range(1000)
            }
        }
    ),
    "a megabyte of description": lambda: schema({"type": "null", "description": "x" * 1_000_000}),
    "more than a megabyte": lambda: schema({"type": "null", "description": "x" * 1_100_000}),
    "a huge enumeration": lambda: schema({"enum": [f"value {n}" for n in range(60_000)]}),
    "huge bounds": lambda: schema({"type": "array", "items": {"const": "a" * 500}, "minItems": 10**9}),
    "a huge number": lambda: schema('{"type": "integer", "minimum": ' + "1" * 5000 + "}"),
    "hard multiples": lambda: schema({"type": "integer", "multipleOf": 999_999_937}),
    "a hard pattern": lambda: schema({"type": "string", "pattern": "^(a|b)*a(a|b){40}$", "minLength": 100}),
    "overlapping patterns": lambda: schema({"patternProperties": {f".{{{n}}}a.*": {} for n in range(200)}}),
}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunnerProcess]:
    with runner_process(tmp_path_factory.mktemp("runner")) as started:
        started.load(LoadPlan("echo:plain", "echo", ""))
        yield started


def ask(runner: RunnerProcess, id: str, grammar: Grammar | None) -> SequenceFinished | SequenceFailed:
    prompt = ChatPrompt((ChatMessage("user", "a" * 40),))
    rules = StopRules(max_tokens=40)
    runner.send(Submit(GenerationRequest(id, "m", prompt, SamplingOptions(seed=1), rules, grammar=grammar)))
    last = runner.events_until(id)[-1]
    assert isinstance(last, (SequenceFinished, SequenceFailed))
    return last


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_grammar_costs_a_bounded_time_and_nothing_else(runner: RunnerProcess, name: str) -> None:
    grammar = HOSTILE[name]()
    began = time.monotonic()
    end = ask(runner, name, grammar)
    took = time.monotonic() - began
    assert took < SECONDS
    if isinstance(end, SequenceFailed):
        known = ("bad_grammar", "bad_schema", "grammar_too_complex", "grammars_busy")
        assert end.code in known
        assert len(end.message) < 400
    assert runner.process.poll() is None
    assert psutil.Process(runner.process.pid).memory_info().rss < MEGABYTES * 2**20
    assert isinstance(ask(runner, name + " after", None), SequenceFinished)
    print(f"{took:.2f} s", end.code if isinstance(end, SequenceFailed) else end.reason)


def test_the_log_says_nothing_of_them(runner: RunnerProcess) -> None:
    ask(runner, "secret", RegexGrammar("(SECRET"))
    ask(runner, "secret schema", schema({"type": "SECRET", "not": "SECRET"}))
    assert "SECRET" not in runner.stderr
