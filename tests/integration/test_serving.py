"""The whole way through: concurrent streams, fairness, crashes, disconnects, unloading, all for real."""

import concurrent.futures
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from spark_engine.types.models import LoadFailed, Ready, Unloaded
from spark_engine.types.requests import is_active
from spark_engine.types.state import find_variant
from tests.support.served import Served, children, serve, wait_until
from tests.support.unloadable import write_unloadable

NANO = "spark-nano:onnx-int4"
SLOW = "echo:slow"
TIE = 1e-4


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("spark")) as served:
        served.wait_status(NANO, Ready)
        yield served


def stream_lines(served: Served, text: str, model: str, **fields: object) -> Iterator[dict[str, object]]:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": True, **fields}
    with httpx.stream("POST", f"{served.address}/v1/chat/completions", json=body, timeout=60) as reply:
        assert reply.status_code == 200, reply.read()
        for line in reply.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                yield json.loads(line[6:])


def tokens_of(served: Served, text: str, max_tokens: int) -> list[tuple[str, float, float]]:
    """Each generated token with its log-probability and that of the runner-up."""
    fields = {
        "max_tokens": max_tokens,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": 2,
        "ignore_eos": True,
    }
    answer = served.ask(text, NANO, **fields)
    content = answer["choices"][0]["logprobs"]["content"]  # type: ignore[index]
    return [(t["token"], t["logprob"], min(a["logprob"] for a in t["top_logprobs"])) for t in content]


def differ(alone: list[tuple[str, float, float]], beside: list[tuple[str, float, float]]) -> str | None:
    """None when equal, "tie" when the first difference is between two tokens equally likely, else where."""
    for place, (a, b) in enumerate(zip(alone, beside, strict=True)):
        if a[0] != b[0]:
            return "tie" if a[1] - a[2] < TIE else f"token {place}: {a} and {b}"
    return None


def test_eight_streams_of_different_lengths_give_the_tokens_each_gives_alone(served: Served) -> None:
    questions = ["Hello", "How do I download Phi-4-mini?", "Reverse the word: lamp", "What is 7 + 8?"]
    prompts = [(q + " please" * n, 24 + 12 * n) for n, q in enumerate(questions * 2)]
    alone = [tokens_of(served, text, count) for text, count in prompts]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        beside = list(pool.map(lambda p: tokens_of(served, *p), prompts))
    differences = [d for a, b in zip(alone, beside, strict=True) if (d := differ(a, b)) is not None]
    assert [d for d in differences if d != "tie"] == []
    assert [len(a) for a in alone] == [count for _, count in prompts]


def test_a_short_request_is_not_held_up_by_a_long_one(served: Served) -> None:
    long = stream_lines(served, "word " * 200, SLOW)
    next(long)
    began = time.perf_counter()
    answer = served.ask("hi", SLOW)
    took = time.perf_counter() - began
    assert answer["choices"][0]["message"]["content"] == "hi"  # type: ignore[index]
    assert took < 3, "the echo of 'hi' needs a handful of 20 ms steps; the long answer a thousand"
    long.close()


def test_the_runner_killed_in_the_middle_of_a_stream(served: Served) -> None:
    served.control("models/echo:slow/load")
    ready = served.wait_status(SLOW, Ready)
    assert isinstance(ready, Ready)
    events = stream_lines(served, "word " * 200, SLOW)
    next(events)
    os.kill(ready.pid, signal.SIGKILL)
    last = list(events)[-1]
    assert last["error"]["code"] == "runner_crashed"  # type: ignore[index]
    assert last["error"]["remedy"]  # type: ignore[index]
    again = served.ask("still there?", SLOW)
    assert again["choices"][0]["message"]["content"] == "still there?"  # type: ignore[index]
    restarted = served.status(SLOW)
    assert isinstance(restarted, Ready)
    assert restarted.pid != ready.pid


def test_a_client_that_leaves_stops_its_sequence(served: Served) -> None:
    events = stream_lines(served, "word " * 200, SLOW)
    next(events)
    assert any(is_active(r) for r in served.state().requests.values())
    events.close()
    wait_until(
        lambda: not any(is_active(r) for r in served.state().requests.values()), 1, "no active request"
    )
    newest = list(served.state().requests.values())[-1]
    assert newest.phase == "cancelled"
    assert newest.usage.completion_tokens < 100


def test_cancelling_by_command_ends_the_stream_with_what_there_is(served: Served) -> None:
    events = stream_lines(served, "word " * 200, SLOW)
    next(events)
    active = next(r for r in served.state().requests.values() if is_active(r))
    assert served.control(f"requests/{active.id}/cancel").status_code == 202
    list(events)
    assert served.state().requests[active.id].phase == "cancelled"
    assert served.control("requests/unheard-of/cancel").status_code == 404


def test_unloading_ends_the_process_and_the_next_request_loads_again(served: Served) -> None:
    served.ask("hello", "echo:plain")
    ready = served.status("echo:plain")
    assert isinstance(ready, Ready)
    assert served.control("models/echo:plain/unload").status_code == 202
    served.wait_status("echo:plain", Unloaded)
    wait_until(lambda: not psutil.pid_exists(ready.pid), 2, "the runner ended")
    assert served.ask("hello", "echo:plain")["choices"][0]["message"]["content"] == "hello"  # type: ignore[index]


def test_a_prompt_longer_than_the_context_is_refused_with_the_exact_counts(served: Served) -> None:
    refused = served.ask("a" * 5000, "echo:plain")
    error = refused["error"]
    assert error["code"] == "context_length_exceeded"  # type: ignore[index]
    assert "4096" in error["message"]  # type: ignore[index]
    fits = served.ask("a" * 100, "echo:plain", max_tokens=1)
    prompt_tokens = fits["usage"]["prompt_tokens"]  # type: ignore[index]
    exact = served.ask("a" * 5000, "echo:plain", max_tokens=1)["error"]["message"]  # type: ignore[index]
    assert str(prompt_tokens + 4900) in exact


def test_a_model_that_cannot_load_is_a_503_with_the_reason_and_the_engine_lives(tmp_path: Path) -> None:
    write_unloadable(tmp_path / "models" / "broken" / "v")
    with serve(tmp_path) as served:
        body = {"model": "broken", "messages": [{"role": "user", "content": "hi"}]}
        reply = httpx.post(f"{served.address}/v1/chat/completions", json=body, timeout=60)
        assert reply.status_code == 503
        assert reply.json()["error"]["message"]
        status = served.status("broken:v")
        assert isinstance(status, LoadFailed)
        assert served.ask("hello", "echo:plain")["choices"][0]["message"]["content"] == "hello"  # type: ignore[index]


def test_a_model_whose_files_are_not_in_order_is_never_loaded(tmp_path: Path) -> None:
    hostile = tmp_path / "models" / "hostile" / "v"
    hostile.mkdir(parents=True)
    (hostile / "genai_config.json").write_text("{}")
    with serve(tmp_path) as served:
        body = {"model": "hostile", "messages": [{"role": "user", "content": "hi"}]}
        reply = httpx.post(f"{served.address}/v1/chat/completions", json=body, timeout=60)
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "model_rejected")
        assert served.control("models/hostile:v/load").status_code == 409
        variant = find_variant(served.state(), "hostile:v")
        assert variant is not None
        assert variant.rejected


def test_killing_the_engine_leaves_no_process(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        served.ask("hello", "echo:plain")
        served.wait_status(NANO, Ready)
        runners = children(served.process.pid)
        assert len(runners) >= 2
        served.process.kill()
        wait_until(
            lambda: not any(p.is_running() and p.status() != "zombie" for p in runners), 2, "no orphan"
        )


def test_an_idle_engine_is_small_and_quiet(tmp_path: Path) -> None:
    with serve(tmp_path, models_preload="false") as served:
        process = psutil.Process(served.process.pid)
        time.sleep(1)
        before = process.cpu_times()
        time.sleep(3)
        after = process.cpu_times()
        assert after.user + after.system - before.user - before.system <= 0.03
        assert process.memory_info().rss < 120e6
        assert children(served.process.pid) == []
