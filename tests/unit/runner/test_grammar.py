"""Grammars decide what an answer can be, whatever the model would rather say; the other options keep their meaning."""

import json
import re
import time
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from spark_engine.backends.folder_vocabulary import FolderVocabulary
from spark_engine.errors import InvalidRequest
from spark_engine.protocol.messages import SequenceDelta, SequenceEvent, SequenceFinished
from spark_engine.runner.grammar import KEPT, Grammars
from spark_engine.runner.grammar_schema import closed
from spark_engine.runner.grammar_source import source_of
from spark_engine.types.chat import ChatMessage, ChatPrompt, TextPrompt
from spark_engine.types.generation import (
    ChoiceGrammar,
    GenerationRequest,
    Grammar,
    JsonObjectGrammar,
    JsonSchemaGrammar,
    LarkGrammar,
    RegexGrammar,
    SamplingOptions,
    StopRules,
)
from tests.support.babble import BabbleVocabulary, babbler, told
from tests.support.decoders import Bench

HOT = SamplingOptions(temperature=1.5, seed=1)


def answer(
    grammar: Grammar | None, sampling: SamplingOptions = HOT, *, seed: int = 0, **stop: Any
) -> tuple[str, str]:
    """The text of a babbled answer and why it ended."""
    events = events_of(grammar, sampling, seed=seed, **stop)
    assert isinstance(events[-1], SequenceFinished)
    return told(events)[0], events[-1].reason


def events_of(
    grammar: Grammar | None, sampling: SamplingOptions, *, seed: int, **stop: Any
) -> list[SequenceEvent]:
    bench = Bench(babbler("<|tool_call|>", seed=seed))
    rules = StopRules(**({"max_tokens": 3000} | stop))
    bench.submit(GenerationRequest("a", "m", TextPrompt("Go on. "), sampling, rules, grammar=grammar))
    events: list[SequenceEvent] = []
    while not bench.scheduler.is_idle:
        events += bench.step()
    return events


PATTERNS = [
    "[a-z]{3,9}",
    "^(yes|no)$",
    "-?[0-9]{1,4}",
    "ü+🦊?",
    r"[^ \n]{1,30} [a-z]+\.",
    "a/b",
    "(ab|abc)(c|d)?",
    "\n*x",
]


@given(st.sampled_from(PATTERNS), st.integers(0, 10**6))
@settings(max_examples=40)
def test_a_regular_expression_matches_the_whole_answer(pattern: str, seed: int) -> None:
    text, reason = answer(RegexGrammar(pattern), seed=seed)
    assert reason == "stop"
    assert re.fullmatch(pattern, text)


@given(st.integers(0, 10**6))
@settings(max_examples=20)
def test_an_answer_may_be_one_of_some_texts(seed: int) -> None:
    options = ("yes", "no", 'a "quoted" one', "two\nlines", "ü🦊", "no way", "\\d")
    text, reason = answer(ChoiceGrammar(options), seed=seed)
    assert (text in options, reason) == (True, "stop")


@pytest.mark.parametrize(
    "source",
    [
        'start: greeting " " NAME\ngreeting: "Hi" | "Hello"\nNAME: /[A-Z][a-z]{1,5}/',
        'root ::= greeting " " name\ngreeting ::= "Hi" | "Hello"\nname ::= [A-Z] [a-z]{1,5}',
    ],
    ids=["lark", "gbnf"],
)
def test_context_free_grammars_in_both_syntaxes(source: str) -> None:
    for seed in range(10):
        text, reason = answer(LarkGrammar(source), seed=seed)
        assert reason == "stop"
        assert re.fullmatch("(Hi|Hello) [A-Z][a-z]{1,5}", text)


def test_nested_brackets_close() -> None:
    source = 'start: "(" (start | "x"){0,2} ")"'
    for seed in range(20):
        text, _ = answer(LarkGrammar(source), seed=seed)
        while "()" in text or "x" in text:
            text = text.replace("x", "").replace("()", "")
        assert text == ""


def test_any_json_object() -> None:
    for seed in range(10):
        text, reason = answer(JsonObjectGrammar(), seed=seed)
        assert reason == "stop"
        assert isinstance(json.loads(text), dict)


names = st.sampled_from(["a", "b", "city", "ü", 'q"', "long name"])
leaves = st.sampled_from(
    [
        {"type": "integer", "minimum": -5, "maximum": 300},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "null"},
        {"type": "string", "maxLength": 8},
        {"type": "string", "pattern": "^[a-f]{2,4}$"},
        {"type": "string", "format": "date"},
        {"enum": ["x", 5, None, "ü"]},
        {"const": {"k": [1]}},
    ]
)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(names, inner, max_size=3).flatmap(
        lambda properties: st.builds(
            lambda required: {
                "type": "object",
                "properties": properties,
                "required": sorted(required),
                "additionalProperties": False,
            },
            st.sets(st.sampled_from(sorted(properties))) if properties else st.just(set()),
        )
    )


schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        objects(inner),
        st.builds(lambda items: {"type": "array", "items": items, "maxItems": 3}, inner),
        st.builds(lambda one, two: {"anyOf": [one, two]}, inner, inner),
    ),
    max_leaves=6,
)


@given(schemas, st.integers(0, 10**6))
@settings(max_examples=60)
def test_an_answer_fits_any_schema(schema: dict[str, Any], seed: int) -> None:
    text, reason = answer(JsonSchemaGrammar(json.dumps(schema)), seed=seed)
    assert reason == "stop"
    jsonschema.validate(json.loads(text), schema)


def test_properties_come_in_the_order_of_the_schema() -> None:
    schema = {"type": "object", "required": ["z", "a"], "properties": {"z": {"const": 1}, "a": {"const": 2}}}
    text, _ = answer(JsonSchemaGrammar(json.dumps(schema | {"additionalProperties": False})))
    assert list(json.loads(text)) == ["z", "a"]


def test_white_space_cannot_go_on_for_ever() -> None:
    grammar = JsonSchemaGrammar(
        json.dumps({"type": "array", "items": {"type": "boolean"}, "minItems": 3, "maxItems": 3})
    )
    only_spaces = SamplingOptions(temperature=0, logit_bias={ord(" "): 100.0, ord("\n"): 99.0})
    text, reason = answer(grammar, only_spaces, max_tokens=400)
    assert (len(json.loads(text)), reason) == (3, "stop")


def test_a_long_text_may_be_certain() -> None:
    """The library would work it out and tokenize it anew for every token, if it were let."""
    began = time.monotonic()
    text, reason = answer(RegexGrammar("a{100000}"), HOT, max_tokens=60)
    assert (set(text), reason) == ({"a"}, "length")
    const = json.dumps({"const": "ab" * 20_000})
    assert answer(JsonSchemaGrammar(const), HOT, max_tokens=60)[0].startswith('"abab')
    assert time.monotonic() - began < 15


def test_no_text_brings_a_special_token() -> None:
    vocabulary = BabbleVocabulary("<|tool_call|>", "<tool>")
    grammars = Grammars(vocabulary, vocabulary.size + 50)
    mask = grammars.mask(source_of(RegexGrammar("(.|\n)*")), "grammar").allowed(vocabulary.size + 50)
    assert mask is not None
    special = {token.id for token in vocabulary.special.values()}
    assert {id for id in special if mask[id]} == vocabulary.eos
    assert not mask[vocabulary.size :].any(), "logits without a token"
    assert mask[:128].all()


def test_the_end_is_allowed_only_where_the_grammar_is_satisfied() -> None:
    vocabulary = BabbleVocabulary()
    (end,) = vocabulary.eos
    mask = Grammars(vocabulary, vocabulary.size).mask(source_of(RegexGrammar("ab?")), "grammar")
    seen = []
    for token in (ord("a"), ord("b")):
        allowed = mask.allowed(vocabulary.size)
        assert allowed is not None
        seen.append((bool(allowed[end]), mask.is_complete))
        mask.accept(token)
    assert seen == [(False, False), (True, False)]
    assert mask.is_complete


def test_where_the_text_is_certain_the_tokenizer_s_own_token_is_taken() -> None:
    vocabulary = BabbleVocabulary()
    mask = Grammars(vocabulary, vocabulary.size).mask(source_of(ChoiceGrammar(("arguments",))), "grammar")
    allowed = mask.allowed(vocabulary.size)
    assert allowed is not None
    assert np.flatnonzero(allowed).tolist() == vocabulary.encode("arguments")
    for other in ("ark", "argue", "argumentative", "arguments ", "argument"):
        either = Grammars(vocabulary, vocabulary.size)
        free = either.mask(source_of(ChoiceGrammar(("arguments", other))), "grammar").allowed(vocabulary.size)
        assert free is not None
        assert (free.sum() > 1) == (other != "arguments "), "where it is not certain, the model decides"


def test_the_other_options_keep_their_meaning() -> None:
    letters = RegexGrammar("[ab]{1,30}")
    assert answer(letters, SamplingOptions(temperature=0, logit_bias={ord("a"): 100.0}))[0] == "a" * 30
    assert answer(RegexGrammar("[ab]{10,30}"), HOT, max_tokens=4)[1] == "length"
    assert len(answer(letters, HOT, min_tokens=20)[0]) >= 20
    assert len(answer(letters, HOT, ignore_eos=True)[0]) == 30
    assert answer(RegexGrammar("a"), HOT, min_tokens=50) == ("a", "stop"), "the grammar is stronger"
    assert answer(RegexGrammar("xSTOPy*"), HOT, stop=("STOP",)) == ("x", "stop")
    one, two = (answer(letters, SamplingOptions(temperature=1.5, seed=seed)) for seed in (3, 4))
    assert one == answer(letters, SamplingOptions(temperature=1.5, seed=3))
    assert one != two
    penal = SamplingOptions(
        temperature=0, presence_penalty=2.0, frequency_penalty=2.0, logit_bias={ord("a"): 8.0}
    )
    assert {"a", "b"} == set(answer(letters, penal, ignore_eos=True)[0])


def test_log_probabilities_are_still_those_of_the_model() -> None:
    sampling = SamplingOptions(temperature=0, logprobs=1)
    (first, *_) = [
        e for e in events_of(RegexGrammar("[ab]x"), sampling, seed=1) if isinstance(e, SequenceDelta)
    ]
    (free, *_) = [e for e in events_of(None, sampling, seed=1) if isinstance(e, SequenceDelta)]
    assert first.logprobs[0].top[0] == free.logprobs[0].top[0]
    assert first.logprobs[0].logprob < free.logprobs[0].logprob
    assert first.logprobs[0].text in ("a", "b")


@pytest.mark.parametrize(
    ("grammar", "code"),
    [
        (RegexGrammar("(a", "guided_regex"), "bad_grammar"),
        (RegexGrammar("(?=a)b", "guided_regex"), "bad_grammar"),
        (RegexGrammar("a" * 70_000, "guided_regex"), "bad_grammar"),
        (LarkGrammar("start: nowhere", "guided_regex"), "bad_grammar"),
        (LarkGrammar("}{", "guided_regex"), "bad_grammar"),
        (LarkGrammar("  ", "guided_regex"), "bad_grammar"),
        (LarkGrammar("root ::= nowhere", "guided_regex"), "bad_grammar"),
        (LarkGrammar("start: start", "guided_regex"), "bad_grammar"),
        (JsonSchemaGrammar("nonsense", True, "guided_regex"), "bad_schema"),
        (JsonSchemaGrammar("[]", True, "guided_regex"), "bad_schema"),
        (JsonSchemaGrammar('{"type": "nothing"}', True, "guided_regex"), "bad_grammar"),
        (JsonSchemaGrammar('{"not": {}}', True, "guided_regex"), "bad_grammar"),
        (JsonSchemaGrammar('{"$ref": "http://localhost/x"}', True, "guided_regex"), "bad_grammar"),
        (JsonSchemaGrammar('{"$ref": "#/$defs/x"}', True, "guided_regex"), "bad_grammar"),
    ],
)
def test_what_is_no_grammar_is_refused_by_its_field(grammar: Grammar, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        answer(grammar)
    assert (refused.value.code, refused.value.param) == (code, "guided_regex")
    assert len(refused.value.message) < 400
    assert "\n" not in refused.value.message


def test_what_cannot_be_enforced_is_ignored_when_it_may_be() -> None:
    schema = json.dumps({"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "maxItems": 2})
    assert isinstance(json.loads(answer(JsonSchemaGrammar(schema, strict=False))[0]), list)
    with pytest.raises(InvalidRequest, match="uniqueItems"):
        answer(JsonSchemaGrammar(schema))


def test_grammars_are_compiled_once_and_not_kept_for_ever() -> None:
    vocabulary = BabbleVocabulary()
    grammars = Grammars(vocabulary, vocabulary.size)
    sources = [source_of(RegexGrammar(f"a{{{n}}}")) for n in range(1, KEPT + 3)]
    for source in sources:
        grammars.mask(source, "grammar")
    assert list(grammars._kept) == sources[-KEPT:]
    first, second = (grammars.mask(source_of(RegexGrammar("ab")), "grammar") for _ in range(2))
    first.accept(ord("a"))
    allowed = second.allowed(vocabulary.size)
    assert allowed is not None
    assert np.flatnonzero(allowed).tolist() == [ord("a")], "each sequence has a place of its own"
    with pytest.raises(InvalidRequest) as refused:
        grammars.mask("start: (", "one")
    assert refused.value.param == "one"
    with pytest.raises(InvalidRequest) as again:
        grammars.mask("start: (", "two")
    assert again.value.param == "two"


def test_objects_are_closed_where_nothing_is_composed() -> None:
    part = {"type": "object", "properties": {"x": {"type": "array", "items": {"properties": {"y": {}}}}}}
    made = closed(part)
    assert made["additionalProperties"] is False
    assert made["properties"]["x"]["items"] == {"properties": {"y": {}}, "additionalProperties": False}
    for keyword in ("allOf", "anyOf", "$ref", "patternProperties", "additionalProperties"):
        assert closed(part | {keyword: True}) == part | {keyword: True}
    assert closed({}) == {"type": "object", "properties": {}, "additionalProperties": False}
    assert closed({"type": "object"}) == {"type": "object"}


@pytest.mark.parametrize(
    "decoding",
    [
        "echo",
        "onnx",
        pytest.param("genai", marks=pytest.mark.component("genai")),
        pytest.param("gguf", marks=pytest.mark.component("gguf")),
        pytest.param("safetensors", marks=pytest.mark.component("torch")),
    ],
)
def test_every_format_keeps_to_a_grammar(decoding: Any) -> None:
    from tests.support.decoders import load_model

    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    bench = Bench(load_model(decoding))
    prompt = ChatPrompt((ChatMessage("user", "Is that so?"),))
    grammar = JsonSchemaGrammar(json.dumps(schema | {"additionalProperties": False}))
    bench.run([GenerationRequest("a", "m", prompt, HOT, StopRules(max_tokens=300), grammar=grammar)])
    assert isinstance(json.loads(bench.told["a"].text)["ok"], bool)
    bench.model.decoder.close()


def test_a_sentence_piece_vocabulary_is_read_by_its_bytes(tmp_path: Path) -> None:
    pieces = ["<unk>", "</s>", "▁", "a", "▁a", "<0xE2>", "<0x82>", "<0xAC>", "<0x0A>", "aa"]
    model = models.BPE(
        {piece: id for id, piece in enumerate(pieces)}, [], byte_fallback=True, unk_token="<unk>"
    )
    made = Tokenizer(model)
    made.add_special_tokens(["</s>"])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    made.decoder = decoders.Sequence(steps)
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text('{"eos_token_id": 1}')
    vocabulary = FolderVocabulary(tmp_path)
    mask = Grammars(vocabulary, 12).mask(source_of(RegexGrammar("a{1,2} a€\n")), "grammar")
    seen = []
    for token in (3, 4, 5, 6, 7, 8):
        allowed = mask.allowed(12)
        assert allowed is not None
        seen.append(np.flatnonzero(allowed).tolist())
        mask.accept(token)
    assert seen == [[3, 9], [2, 3, 4], [5], [6], [7], [8]]
    assert mask.is_complete
