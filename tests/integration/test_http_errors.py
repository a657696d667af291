"""Bad requests over real HTTP: every one a 4xx in OpenAI's shape with the field's path, never a 500, never an echo."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spark_engine.errors import ContextExceeded, Unavailable
from spark_engine.types.generation import Failed
from tests.support.scripted_engine import Api, ScriptedEngine, config_with, serving

HI = [{"role": "user", "content": "hi"}]
SECRET = "SECRET-that-must-not-come-back"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with serving() as api:
        yield api


async def post(api: Api, path: str, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(base_url=api.address) as http:
        return await http.post(path, content=content, headers={"content-type": "application/json"})


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": HI} | fields


def said(**message: Any) -> dict[str, Any]:
    return chat(messages=[message])


TOOL = {"type": "function", "function": {"name": "f"}}
NESTED = json.loads("[" * 80 + "]" * 80)
BAD_CHATS: list[tuple[Any, str | None]] = [
    (b"", None),
    (b"{", None),
    (b"nonsense", None),
    (b"[]", None),
    (b"null", None),
    (b'"text"', None),
    (b"\xff\xfe", None),
    (b'{"model": "auto", "messages": [{"role": "user", "content": "\\ud800"}]}', None),
    (b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"temperature":NaN}', None),
    (b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"temperature":Infinity}', None),
    (b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"temperature":1e999}', None),
    (b"[" * 100_000, None),
    ({}, "model"),
    ({"messages": HI}, "model"),
    ({"model": "auto"}, "messages"),
    (chat(model=5), "model"),
    (chat(model=""), "model"),
    (chat(model="no-such-model"), "model"),
    (chat(model="../../etc/passwd"), "model"),
    (chat(model="a" * 300), "model"),
    (chat(messages=[]), "messages"),
    (chat(messages="hi"), "messages"),
    (chat(messages={}), "messages"),
    (chat(messages=["hi"]), "messages[0]"),
    (chat(messages=[*HI, {"role": "user"}]), "messages[1]"),
    (said(role="user", content=5), "messages[0].content"),
    (said(role="user", content=[5]), "messages[0].content[0]"),
    (said(role="user", content=[{"type": "text"}]), "messages[0].content[0]"),
    (
        said(role="user", content=[{"type": "image_url", "image_url": {"url": SECRET}}]),
        "messages[0].content[0]",
    ),
    (said(role="user", content=[{"type": "text", "text": 1}]), "messages[0].content[0].text"),
    (said(role="user", content=None), "messages[0]"),
    (said(role=SECRET, content="hi"), "messages[0].role"),
    (said(content="hi"), "messages[0].role"),
    (said(role="tool", content="4"), "messages[0]"),
    (said(role="user", content="x", tool_calls=[{"id": "1", "function": {"name": "f"}}]), "messages[0]"),
    (said(role="assistant", tool_calls=[{"function": {"name": "f"}}]), "messages[0].tool_calls[0].id"),
    (
        said(role="assistant", tool_calls=[{"id": "1", "function": {"name": "f", "arguments": {}}}]),
        "messages[0].tool_calls[0].function.arguments",
    ),
    (chat(temperature=2.1), "temperature"),
    (chat(temperature=-0.1), "temperature"),
    (chat(temperature="1"), "temperature"),
    (chat(temperature=True), "temperature"),
    (chat(top_p=0), "top_p"),
    (chat(top_p=1.1), "top_p"),
    (chat(top_k=-2), "top_k"),
    (chat(top_k=1.5), "top_k"),
    (chat(min_p=2), "min_p"),
    (chat(presence_penalty=3), "presence_penalty"),
    (chat(frequency_penalty=-3), "frequency_penalty"),
    (chat(repetition_penalty=0), "repetition_penalty"),
    (chat(max_tokens=0), "max_tokens"),
    (chat(max_tokens=-1), "max_tokens"),
    (chat(max_tokens=1.5), "max_tokens"),
    (chat(max_tokens=10**30), "max_tokens"),
    (chat(max_completion_tokens=0), "max_completion_tokens"),
    (chat(min_tokens=5, max_tokens=4), "min_tokens"),
    (chat(seed=2**63), "seed"),
    (chat(seed="1"), "seed"),
    (chat(stop=""), "stop"),
    (chat(stop=["a", ""]), "stop[1]"),
    (chat(stop=["a"] * 17), "stop"),
    (chat(stop=5), "stop"),
    (chat(n=0), "n"),
    (chat(n=17), "n"),
    (chat(logit_bias={"x": 1}), "logit_bias"),
    (chat(logit_bias={"5": 101}), "logit_bias.5"),
    (chat(logit_bias=[1]), "logit_bias"),
    (chat(logprobs=5), "logprobs"),
    (chat(top_logprobs=2), "top_logprobs"),
    (chat(logprobs=True, top_logprobs=21), "top_logprobs"),
    (chat(stream="yes"), "stream"),
    (chat(stream_options=True), "stream_options"),
    (chat(stream_options={"include_usage": 1}), "stream_options.include_usage"),
    (chat(ignore_eos=1), "ignore_eos"),
    (chat(priority=10**9), "priority"),
    (chat(deadline_s=0), "deadline_s"),
    (chat(deadline_s=-1.5), "deadline_s"),
    (chat(deadline_s=86_401), "deadline_s"),
    (chat(deadline_s="5"), "deadline_s"),
    (b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"deadline_s":Infinity}', None),
    (b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"deadline_s":1e999}', None),
    (chat(truncation="middle"), "truncation"),
    (chat(truncation=True), "truncation"),
    (chat(user=5), "user"),
    (chat(tools={}), "tools"),
    (chat(tools=[{"type": "function"}]), "tools[0].function"),
    (chat(tools=[{"type": "function", "function": {"name": "a b"}}]), "tools[0].function.name"),
    (
        chat(tools=[{"type": "function", "function": {"name": "f", "parameters": {"a": NESTED}}}]),
        "tools[0].function.parameters",
    ),
    (
        chat(tools=[{"type": "function", "function": {"name": "f", "parameters": {"a": 2**64}}}]),
        "tools[0].function.parameters",
    ),
    (chat(tool_choice="required"), "tool_choice"),
    (chat(tool_choice=SECRET), "tool_choice"),
    (chat(tool_choice={"type": "function", "function": {"name": "f"}}), "tool_choice"),
    (
        chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": SECRET}}),
        "tool_choice",
    ),
    (chat(tools=[TOOL], parallel_tool_calls=1), "parallel_tool_calls"),
    (chat(response_format={"type": SECRET}), "response_format.type"),
    (chat(response_format={"type": "json_schema"}), "response_format"),
    (
        chat(response_format={"type": "json_schema", "json_schema": {"schema": SECRET}}),
        "response_format.json_schema.schema",
    ),
    (
        chat(response_format={"type": "json_schema", "json_schema": {"schema": {"a": NESTED}}}),
        "response_format",
    ),
    (chat(grammar=5), "grammar"),
    (chat(grammar={"type": "abnf", "value": "x"}), "grammar.type"),
    (chat(grammar={"type": "regex", "value": {}}), "grammar"),
    (chat(guided_json=[SECRET]), "guided_json"),
    (chat(guided_regex=""), "guided_regex"),
    (chat(guided_choice=[]), "guided_choice"),
    (chat(guided_choice=["a", 5]), "guided_choice[1]"),
    (chat(guided_regex="a", response_format={"type": "json_object"}), "guided_regex"),
    (chat(grammar="start: /a/", guided_choice=["a"]), "guided_choice"),
]
BAD_COMPLETIONS: list[tuple[Any, str | None]] = [
    ({"model": "auto"}, "prompt"),
    ({"model": "auto", "prompt": None}, "prompt"),
    ({"model": "auto", "prompt": []}, "prompt"),
    ({"model": "auto", "prompt": 5}, "prompt"),
    ({"model": "auto", "prompt": ["a", "b"]}, "prompt"),
    ({"model": "auto", "prompt": [1, -1]}, "prompt[1]"),
    ({"model": "auto", "prompt": [1, "a"]}, "prompt[1]"),
    ({"model": "auto", "prompt": [[]]}, "prompt[0]"),
    ({"model": "auto", "prompt": [[1], [2]]}, "prompt"),
    ({"model": "auto", "prompt": "x", "logprobs": True}, "logprobs"),
    ({"model": "auto", "prompt": "x", "suffix": "y"}, "suffix"),
    ({"model": "auto", "prompt": "x", "best_of": 2}, "best_of"),
]


def check(reply: httpx.Response, param: str | None) -> None:
    assert reply.status_code in (400, 404), reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code", "title", "remedy"}
    assert error["param"] == param, error
    assert error["message"]
    assert error["code"]
    assert error["title"]
    assert SECRET not in reply.text
    if param:
        assert param.partition("[")[0].partition(".")[0] in error["message"] or error["code"].startswith(
            "model"
        )


@pytest.mark.parametrize(("body", "param"), BAD_CHATS, ids=lambda v: str(v)[:60])
async def test_a_bad_chat_is_refused_with_the_field_s_path(api: Api, body: Any, param: str | None) -> None:
    check(await post(api, "/v1/chat/completions", body), param)
    assert isinstance(api.engine, ScriptedEngine)
    assert api.engine.requests == []


@pytest.mark.parametrize(("body", "param"), BAD_COMPLETIONS, ids=lambda v: str(v)[:60])
async def test_a_bad_completion_is_refused_with_the_field_s_path(
    api: Api, body: Any, param: str | None
) -> None:
    check(await post(api, "/v1/completions", body), param)


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = [
    *(
        "model messages temperature top_p top_k min_p stop n seed max_tokens logit_bias logprobs top_logprobs"
    ).split(),
    *("stream_options tools tool_choice response_format user prompt echo presence_penalty priority").split(),
    *("grammar guided_json guided_regex guided_grammar guided_choice parallel_tool_calls").split(),
]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(FIELDS), ANY_JSON, min_size=1, max_size=3), text=st.booleans())
def test_no_json_makes_a_server_error(
    in_a_server: Callable[[str, Any], httpx.Response], changes: dict[str, Any], text: bool
) -> None:
    path = "/v1/completions" if text else "/v1/chat/completions"
    reply = in_a_server(path, {"model": "auto", "messages": HI, "prompt": "x"} | changes | {"stream": False})
    assert reply.status_code in (200, 400, 404), reply.text


@pytest.fixture
def in_a_server() -> Any:
    """A blocking call: each example gets a server and an event loop of its own."""
    import asyncio

    async def once(path: str, body: Any) -> httpx.Response:
        async with serving() as api:
            return await post(api, path, body)

    return lambda path, body: asyncio.run(once(path, body))


async def test_unknown_paths_and_wrong_methods_have_the_same_shape(api: Api) -> None:
    async with httpx.AsyncClient(base_url=api.address) as http:
        unknown = await http.get("/v1/nonsense")
        slash = await http.get("/v1/models/")
        wrong = await http.get("/v1/chat/completions")
    for reply, status, code in ((unknown, 404, "unknown_route"), (wrong, 405, "method_not_allowed")):
        assert reply.status_code == status
        assert reply.json()["error"]["code"] == code
    assert wrong.headers["allow"] == "POST"
    assert slash.status_code == 404


async def test_the_context_s_limit_is_told_with_its_counts() -> None:
    async def refuse() -> None:
        raise ContextExceeded(5000, 100, 4096)

    async with serving(ScriptedEngine(before=refuse)) as api:
        for stream in (False, True):
            reply = await post(api, "/v1/chat/completions", chat(stream=stream))
            assert reply.status_code == 400
            error = reply.json()["error"]
            assert error["code"] == "context_length_exceeded"
            assert "5000" in error["message"]
            assert "4096" in error["message"]


async def test_a_model_that_cannot_serve_is_a_503_before_the_first_byte() -> None:
    async def refuse() -> None:
        raise Unavailable(
            "load_failed", "The model cannot be loaded", "Its file is broken.", "Download it again."
        )

    async with serving(ScriptedEngine(before=refuse)) as api:
        for stream in (False, True):
            reply = await post(api, "/v1/chat/completions", chat(stream=stream))
            assert reply.status_code == 503
            assert reply.json()["error"] | {} == {
                "message": "Its file is broken.",
                "type": "server_error",
                "param": None,
                "code": "load_failed",
                "title": "The model cannot be loaded",
                "remedy": "Download it again.",
            }


async def test_a_generation_that_fails_is_a_503_when_it_is_not_streamed() -> None:
    async def crashes(request: object) -> AsyncIterator[Failed]:
        yield Failed("runner_crashed", "The model stopped", "It ended.", "Send it again.")

    async with serving(ScriptedEngine(crashes)) as api:
        reply = await post(api, "/v1/chat/completions", chat())
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "runner_crashed"


async def test_an_error_inside_spark_is_a_500_with_a_reference_and_one_log_record(
    expect_log: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks() -> None:
        raise ZeroDivisionError(SECRET)

    expect_log("internal error [0-9a-f]{8} in POST /v1/chat/completions")
    async with serving(ScriptedEngine(before=breaks)) as api:
        reply = await post(api, "/v1/chat/completions", chat())
    assert reply.status_code == 500
    error = reply.json()["error"]
    assert error["code"] == "internal_error"
    assert SECRET not in reply.text
    records = [r for r in caplog.records if r.levelname == "ERROR"]
    assert len(records) == 1
    assert records[0].getMessage().split()[2] in error["message"]


async def test_inference_can_be_kept_for_the_owner() -> None:
    async with serving(config=config_with(server_require_owner_for_inference=True)) as api:
        refused = await post(api, "/v1/chat/completions", chat())
        async with httpx.AsyncClient(base_url=api.address, headers=api.owner) as http:
            taken = await http.post("/v1/chat/completions", json=chat())
            models = await http.get("/v1/models")
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "owner_required"
    assert taken.status_code == 200
    assert models.status_code == 200
