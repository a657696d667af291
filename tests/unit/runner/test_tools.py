"""Tools under the real scheduler, with a model that babbles: required calls always fit, free text stays free."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spark_engine.errors import InvalidRequest
from spark_engine.protocol.messages import SequenceDelta, SequenceEvent, SequenceFinished
from spark_engine.runner import tool_use
from spark_engine.runner.model import Model
from spark_engine.runner.tool_styles import GEMMA, HERMES, LLAMA, MISTRAL, MISTRAL_ARGS, PHI, style_of
from spark_engine.types.chat import ChatMessage, ChatPrompt, TokensPrompt, Tool, ToolCall, ToolChoice
from spark_engine.types.generation import (
    GenerationRequest,
    Grammar,
    JsonSchemaGrammar,
    SamplingOptions,
    StopRules,
)
from tests.support.babble import BabbleVocabulary, babbler, told
from tests.support.decoders import Bench
from tests.unit.runner.test_grammar import objects, schemas

FREE, REQUIRED = ToolChoice(), ToolChoice(required=True)
UNSHRUNK = (
    Phase.explicit,
    Phase.reuse,
    Phase.generate,
)  # a failing answer is long, and shrinking it takes minutes
WEATHER = Tool(
    "get_weather",
    "Tells the weather.",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}, "days": {"enum": [1, 2, 3]}},
        "required": ["city"],
    },
)
ADD = Tool("add", "", {"type": "object", "properties": {"a": {"type": "integer", "maximum": 999}}})
NOTHING = Tool("get")
TOOLS = (WEATHER, ADD, NOTHING)
PHI_MARKS = ("<|tool_call|>", "<|/tool_call|>")
STYLES: dict[str, dict[str, Any]] = {
    "phi": {"marks": PHI_MARKS},
    "hermes": {"template": "{% if tools %}<tool_call>{% endif %}<|end|>"},
    "hermes-special": {"marks": ("<tool_call>", "</tool_call>")},
    "mistral": {"marks": ("[TOOL_CALLS]",)},
    "mistral-spaced": {"marks": ("[TOOL_CALLS]",), "template": "{{ '[TOOL_CALLS] [' if tools }}<|end|>"},
    "mistral-args": {"marks": ("[TOOL_CALLS]", "[ARGS]")},
    "mistral-args-text": {"template": "{{ '[TOOL_CALLS]f[ARGS]' if tools }}<|end|>"},
    "llama": {"marks": ("<|python_tag|>",)},
    "gemma": {},
}


def model_of(style: str, **more: Any) -> Model:
    given = STYLES[style]
    return babbler(*given.get("marks", ()), **{k: v for k, v in given.items() if k != "marks"}, **more)


def run(
    model: Model,
    tools: tuple[Tool, ...] = TOOLS,
    choice: ToolChoice = FREE,
    *,
    grammar: Grammar | None = None,
    temperature: float = 1.5,
    logprobs: int | None = None,
    logit_bias: dict[int, float] | None = None,
    **stop: Any,
) -> list[SequenceEvent]:
    bench = Bench(model)
    prompt = ChatPrompt((ChatMessage("user", "Go on."),), tools, choice)
    rules = StopRules(**({"max_tokens": 2500} | stop))
    sampling = SamplingOptions(
        temperature=temperature, seed=5, logprobs=logprobs, logit_bias=logit_bias or {}
    )
    bench.submit(GenerationRequest("a", "m", prompt, sampling, rules, grammar=grammar))
    events: list[SequenceEvent] = []
    while not bench.scheduler.is_idle:
        events += bench.step()
    assert isinstance(events[-1], SequenceFinished)
    return events


def check(calls: tuple[ToolCall, ...], tools: tuple[Tool, ...]) -> None:
    """Every call is of a given tool, and its arguments fit the schema."""
    by_name = {tool.name: tool for tool in tools}
    assert len({call.id for call in calls}) == len(calls)
    for call in calls:
        arguments = json.loads(call.arguments)
        assert isinstance(arguments, dict)
        jsonschema.validate(arguments, by_name[call.name].parameters)


random_tools = st.lists(
    st.builds(
        Tool,
        st.sampled_from(["add", "get", "get_weather", "get.weather-2", "f", "f2"]),
        st.just("does it"),
        objects(schemas),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda tool: tool.name,
).map(tuple)


@given(st.sampled_from(sorted(STYLES)), random_tools, st.integers(0, 10**6), st.booleans())
@settings(max_examples=60, phases=UNSHRUNK)
def test_required_calls_always_fit(style: str, tools: tuple[Tool, ...], seed: int, parallel: bool) -> None:
    events = run(model_of(style, seed=seed), tools, ToolChoice(required=True, parallel=parallel))
    text, calls = told(events)
    assert isinstance(events[-1], SequenceFinished)
    assert (text, events[-1].reason) == ("", "stop")
    assert len(calls) >= 1
    check(calls, tools)
    if not parallel:
        assert len(calls) == 1


@pytest.mark.parametrize("style", STYLES)
def test_a_named_tool_is_the_one_that_is_called(style: str) -> None:
    for seed in range(5):
        _, calls = told(run(model_of(style, seed=seed), choice=ToolChoice(name="add")))
        assert {call.name for call in calls} == {"add"}


def test_several_calls_in_one_answer_have_ids_and_places_of_their_own() -> None:
    for style in ("phi", "hermes", "mistral", "mistral-args"):
        model = model_of(style)
        between = (",", ", ", "\n", "[TOOL_CALLS]")
        more = {token: 15.0 for text in between for token in model.vocabulary.encode(text)[:1]}
        more |= {token.id: 15.0 for text, token in model.vocabulary.special.items() if text in between}
        more |= {model.vocabulary.encode(text)[0]: -100.0 for text in ("}]", "}}")}
        _, calls = told(run(model, (ADD, NOTHING), choice=REQUIRED, logit_bias=more))
        assert len(calls) > 1, style
        check(calls, (ADD, NOTHING))


OPENINGS = [
    ("phi", "I see. <|tool_call|>", "I see. "),
    ("phi", "<|tool_call|>[", ""),
    ("phi", 'functools[{"na', ""),
    ("phi", '[{"name": "add", "parameters":', ""),
    ("phi", '\n{"name":"get_weather" , "arguments": {"ci', ""),
    ("hermes", "Well: <tool_call>", "Well: "),
    ("hermes", "<tool_call>\n{", ""),
    ("hermes-special", "<tool_call>", ""),
    ("mistral", "[TOOL_CALLS] ", ""),
    ("mistral-args", "[TOOL_CALLS]ge", ""),
    ("llama", '{"name": "add", "parameters": {', ""),
    ("llama", "<|python_tag|>", ""),
    ("gemma", "```tool_code", ""),
    ("gemma", '```json\n{"name": "get_weather", "parameters": {"', ""),
]


@given(st.sampled_from(OPENINGS), st.integers(0, 10**6))
@settings(max_examples=60, phases=UNSHRUNK)
def test_a_call_that_the_model_begins_is_brought_to_a_good_end(opening: Any, seed: int) -> None:
    style, begins, text = opening
    events = run(model_of(style, seed=seed, opening=begins))
    assert isinstance(events[-1], SequenceFinished)
    assert events[-1].reason == "stop"
    said, calls = told(events)
    assert said == text
    assert calls
    check(calls, TOOLS)


@pytest.mark.parametrize("style", STYLES)
def test_text_without_a_call_is_what_it_would_be_without_tools(style: str) -> None:
    model = model_of(style, opening="Hello ")
    marks = dict.fromkeys((token.id for token in model.vocabulary.special.values()), -100.0)
    free = run(model, logit_bias=marks, max_tokens=200)
    prompt = ChatPrompt((ChatMessage("user", "Go on."),), TOOLS)
    tokens = TokensPrompt(tuple(model.prompts.encode(prompt)))
    sampling = SamplingOptions(temperature=1.5, seed=5, logit_bias=marks)
    bench = Bench(model)
    bench.run([GenerationRequest("b", "m", tokens, sampling, StopRules(max_tokens=200))])
    assert [t for e in free if isinstance(e, SequenceDelta) for t in e.tokens] == bench.told["b"].tokens
    assert told(free) == (bench.told["b"].text, ())


def test_every_token_and_log_probability_is_told_once() -> None:
    events = run(model_of("phi", opening="I see. <|tool_call|>"), logprobs=0)
    deltas = [event for event in events if isinstance(event, SequenceDelta)]
    tokens = [token for delta in deltas for token in delta.tokens]
    logprobs = [entry.token for delta in deltas for entry in delta.logprobs]
    assert tokens == logprobs
    assert isinstance(events[-1], SequenceFinished)
    assert len(tokens) in (events[-1].completion_tokens, events[-1].completion_tokens - 1)
    assert any(len(delta.calls) and not delta.text for delta in deltas)
    first = next(n for n, delta in enumerate(deltas) if delta.calls)
    assert len([d for d in deltas[first:] if d.calls]) > 1, "arguments are told as they come"


def test_calls_beside_an_answer_that_has_a_form() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 99}}, "required": ["n"]}
    grammar = JsonSchemaGrammar(json.dumps(schema | {"additionalProperties": False}))
    for style in STYLES:
        kinds = set()
        for seed in range(12):
            text, calls = told(run(model_of(style, seed=seed), grammar=grammar))
            kinds.add(bool(calls))
            if calls:
                check(calls, TOOLS)
                assert text == ""
            else:
                jsonschema.validate(json.loads(text), schema)
        assert kinds, style


STRICT = {"type": "object", "properties": {"x": {"type": "array", "uniqueItems": True}}}


def test_what_of_a_schema_cannot_be_enforced_is_refused_when_a_call_is_required() -> None:
    for choice, strict in (
        (REQUIRED, None),
        (ToolChoice(name="f"), None),
        (ToolChoice(), True),
        (REQUIRED, True),
    ):
        with pytest.raises(InvalidRequest, match="uniqueItems") as refused:
            run(model_of("phi"), (ADD, Tool("f", "", STRICT, strict)), choice)
        assert refused.value.param == "tools[1].function.parameters"
    for choice, strict in ((ToolChoice(), None), (REQUIRED, False), (ToolChoice(), False)):
        text, calls = told(
            run(model_of("phi", opening="<|tool_call|>"), (Tool("f", "", STRICT, strict),), choice)
        )
        assert text == ""
        assert isinstance(json.loads(calls[0].arguments), dict)


def test_a_schema_that_is_none_costs_a_required_call_but_not_a_free_answer() -> None:
    broken = Tool("f", "", {"type": "nonsense"})
    with pytest.raises(InvalidRequest):
        run(model_of("phi"), (broken,), REQUIRED)
    _, calls = told(run(model_of("phi", opening="<|tool_call|>"), (broken,)))
    assert isinstance(json.loads(calls[0].arguments), dict)


def test_tools_are_not_looked_at_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_use, "TOGETHER_S", -1.0)
    tools = (Tool("f", "", STRICT), Tool("g", "", {"type": "nonsense"}))
    with pytest.raises(InvalidRequest) as refused:
        run(model_of("phi"), tools, REQUIRED)
    assert (refused.value.code, refused.value.param) == ("grammar_too_complex", "tools")
    _, calls = told(run(model_of("phi", opening="<|tool_call|>"), tools))
    assert isinstance(json.loads(calls[0].arguments), dict)


def test_a_tool_without_parameters_is_called_without_any() -> None:
    _, calls = told(run(model_of("phi"), (NOTHING,), ToolChoice(required=True, parallel=False)))
    assert [(call.name, call.arguments) for call in calls] == [("get", "{}")]


def test_an_unknown_named_tool_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        run(model_of("phi"), choice=ToolChoice(name="other"))
    assert refused.value.param == "tool_choice"


@pytest.mark.parametrize(
    ("special", "template", "style"),
    [
        (PHI_MARKS, "", PHI),
        ((), "{% if tools %}<tool_call>", HERMES),
        (("[TOOL_CALLS]",), "{{ tools }}", MISTRAL),
        (("[TOOL_CALLS]", "[ARGS]"), "{{ tools }}", MISTRAL_ARGS),
        (("<|python_tag|>",), "{{ tools }}", LLAMA),
        ((), '{{ tools }} {"name": function name, "parameters": dictionary}', LLAMA),
        (("<start_of_turn>",), "<start_of_turn>{{ m.content }}", GEMMA),
    ],
)
def test_the_form_is_found_by_marks_and_template(special: tuple[str, ...], template: str, style: Any) -> None:
    assert style_of(special, template, knows_tools="tools" in template) == style


def test_a_template_that_knows_no_tools_is_told_of_them_in_words() -> None:
    turns = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}<|end|>"
    model = babbler(template=turns)
    call = ToolCall("c", "add", '{"a": 1}')
    messages = (
        ChatMessage("user", "Add."),
        ChatMessage("assistant", "Yes.", tool_calls=(call,)),
        ChatMessage("tool", "1", tool_call_id="c"),
        ChatMessage("user", "And?"),
    )
    vocabulary = model.vocabulary
    assert isinstance(vocabulary, BabbleVocabulary)
    text = b"".join(map(vocabulary.piece, model.prompts.encode(ChatPrompt(messages, (ADD,))))).decode()
    head, _, rest = text.partition("[user]")
    assert head.startswith("[system]You can call these functions:")
    assert json.dumps(ADD.parameters) in head
    assert rest == (
        'Add.[assistant]Yes.\n```tool_code\n{"name": "add", "parameters": {"a": 1}}\n```'
        "[user]```tool_output\n1\n```\nAnd?"
    )


def test_ids_of_earlier_calls_are_what_the_template_takes() -> None:
    ids = "{% for m in messages %}{{ m.tool_call_id }}{% for c in m.tool_calls %}<{{ c.id }}>{% endfor %}{% endfor %}"
    model = babbler("[TOOL_CALLS]", template=ids + "{{ tools | length }}<|end|>")
    call = ToolCall("call-1234567890", "add", "{}")
    messages = (ChatMessage("assistant", tool_calls=(call,)), ChatMessage("tool", "1", tool_call_id=call.id))
    text = b"".join(map(model.vocabulary.piece, model.prompts.encode(ChatPrompt(messages, TOOLS)))).decode()
    given, answered = text[1:10], text[11:20]
    assert given == answered
    assert given.isalnum()
    assert text == f"<{given}>{given}3"
