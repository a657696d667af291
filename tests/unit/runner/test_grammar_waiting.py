"""A request waits for its grammar alone: others are taken and computed, and it can be ended, while it is compiled.

In a real runner whose compiler of grammars holds those named `held`, until the test opens a gate. Nothing is timed.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from spark_engine.protocol.messages import (
    Loaded,
    LoadPlan,
    SequenceAdmitted,
    SequenceDelta,
    SequenceEvent,
    SequenceFailed,
    SequenceFinished,
    SequenceStarted,
    Submit,
)
from spark_engine.types.chat import ChatMessage, ChatPrompt, TextPrompt, Tool, ToolChoice
from spark_engine.types.generation import (
    GenerationRequest,
    Grammar,
    JsonSchemaGrammar,
    RegexGrammar,
    SamplingOptions,
    StopRules,
)
from tests.support.decoders import onnx_folder
from tests.support.runner_process import RunnerProcess, runner_process

PROGRAM = """
import time
from pathlib import Path
from spark_engine.runner import grammar_compile
from spark_engine.runner.main import main
real, folder = grammar_compile._compile, Path({folder!r})
def compile(tokens, source, param):
    with (folder / "compiled").open("a") as file:
        file.write(source.replace(chr(10), " ") + chr(10))
    while "held" in source and not (folder / "gate").exists():
        time.sleep(0.005)
    return real(tokens, source, param)
grammar_compile._compile, grammar_compile.TIME_LIMIT_S = compile, 60.0
main()
"""
LONG = StopRules(ignore_eos=True, max_tokens=3000)
SHORT = StopRules(max_tokens=8)
YES_OR_NO = RegexGrammar("yes|no")


def held(name: str = "held") -> Grammar:
    schema = {"type": "object", "properties": {name: {"type": "boolean"}}, "required": [name]}
    return JsonSchemaGrammar(json.dumps(schema | {"additionalProperties": False}), param="response_format")


class Held:
    """A runner and the folder with its gate."""

    def __init__(self, runner: RunnerProcess, folder: Path) -> None:
        self.runner, self.folder = runner, folder

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    def compiled(self) -> list[str]:
        """The sources of grammars that were begun to be compiled."""
        file = self.folder / "compiled"
        return file.read_text().splitlines() if file.exists() else []

    def ask(self, id: str, grammar: Grammar | None = None, rules: StopRules = SHORT, **more: Any) -> None:
        prompt, greedy = more.pop("prompt", TextPrompt("Tell me: ")), SamplingOptions(temperature=0)
        request = GenerationRequest(id, "m", prompt, greedy, rules, grammar=grammar, **more)
        self.runner.send(Submit(request))

    def events_until(self, id: str) -> list[SequenceEvent]:
        return self.runner.events_until(id)

    def read_until(self, seen: list[SequenceEvent], enough: Callable[[], bool]) -> None:
        """Add events to `seen` until it is enough."""
        events = self.runner.events()
        while not enough():
            seen.append(next(events))

    def wait_for_compiler(self, count: int = 1) -> None:
        while sum("held" in source for source in self.compiled()) < count:
            time.sleep(0.005)


def started(folder: Path, plan: LoadPlan) -> Iterator[Held]:
    with runner_process(folder, [sys.executable, "-c", PROGRAM.format(folder=str(folder))]) as runner:
        assert isinstance(runner.load(plan), Loaded)
        yield Held(runner, folder)


@pytest.fixture
def nano(tmp_path: Path) -> Iterator[Held]:
    yield from started(tmp_path, LoadPlan("spark-nano:onnx", "onnx", str(onnx_folder())))


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Held]:
    """With room for one sequence at a time."""
    yield from started(tmp_path, LoadPlan("spark-nano:onnx", "onnx", str(onnx_folder()), slots=1))


def tokens(seen: list[SequenceEvent], id: str) -> int:
    return sum(len(event.tokens) for event in seen if event.id == id and isinstance(event, SequenceDelta))


def ended(seen: list[SequenceEvent], id: str) -> bool:
    return any(e.id == id and isinstance(e, (SequenceFinished, SequenceFailed)) for e in seen)


def kinds(seen: list[SequenceEvent], id: str) -> list[type]:
    """The kinds of events of one sequence, its deltas as one, without its getting a slot."""
    every = [type(event) for event in seen if event.id == id and not isinstance(event, SequenceAdmitted)]
    return [kind for place, kind in enumerate(every) if kind is not SequenceDelta or every[place - 1] != kind]


def test_streams_go_on_and_others_are_taken_while_a_grammar_is_compiled(nano: Held) -> None:
    nano.ask("stream", rules=LONG)
    seen: list[SequenceEvent] = []
    nano.read_until(seen, lambda: tokens(seen, "stream") >= 8)
    nano.ask("held", held(), StopRules(max_tokens=40))
    nano.wait_for_compiler()
    before = tokens(seen, "stream")
    nano.ask("other")
    nano.read_until(seen, lambda: ended(seen, "other") and tokens(seen, "stream") >= before + 100)
    assert kinds(seen, "other") == [SequenceStarted, SequenceDelta, SequenceFinished]
    assert kinds(seen, "held") == []
    nano.open_gate()
    nano.read_until(seen, lambda: ended(seen, "held"))
    nano.runner.cancel("stream")
    nano.read_until(seen, lambda: ended(seen, "stream"))
    assert kinds(seen, "held") == [SequenceStarted, SequenceDelta, SequenceFinished]
    text = "".join(e.text for e in seen if e.id == "held" and isinstance(e, SequenceDelta))
    assert isinstance(json.loads(text)["held"], bool)
    assert kinds(seen, "stream") == [SequenceStarted, SequenceDelta, SequenceFinished]


def test_a_cancel_ends_it_while_its_grammar_is_compiled(nano: Held) -> None:
    nano.ask("held", held())
    nano.wait_for_compiler()
    nano.ask("behind", held("held too"))
    nano.runner.cancel("held")
    first, last = nano.events_until("held")
    assert isinstance(first, SequenceStarted)
    assert isinstance(last, SequenceFinished)
    assert (last.reason, last.prompt_tokens, last.completion_tokens) == ("cancelled", first.prompt_tokens, 0)
    nano.runner.cancel("behind")
    assert isinstance(nano.events_until("behind")[-1], SequenceFinished)
    nano.open_gate()
    nano.ask("held", held())
    assert kinds(nano.events_until("held"), "held") == [SequenceStarted, SequenceDelta, SequenceFinished]
    sources = nano.compiled()
    assert len(sources) == 1, "what nobody waits for is not begun, and what was begun is not lost"


def test_its_deadline_counts_while_its_grammar_is_compiled(nano: Held) -> None:
    nano.ask("held", held(), deadline_s=0.3)
    nano.wait_for_compiler()
    (failed,) = nano.events_until("held")
    assert isinstance(failed, SequenceFailed)
    assert failed.code == "deadline_exceeded"
    nano.ask("patient", held(), deadline_s=60.0)
    time.sleep(0.2)
    nano.open_gate()
    finished = nano.events_until("patient")[-1]
    assert isinstance(finished, SequenceFinished)
    assert finished.queue_ms >= 200, "what it waited is told"


def test_who_waits_for_a_grammar_keeps_its_place(alone: Held) -> None:
    alone.ask("first", rules=LONG)
    seen: list[SequenceEvent] = []
    alone.read_until(seen, lambda: tokens(seen, "first") > 0)
    alone.ask("held", held(), StopRules(max_tokens=30))
    alone.ask("behind")
    alone.wait_for_compiler()
    alone.read_until(seen, lambda: kinds(seen, "behind") == [SequenceStarted])
    alone.open_gate()
    alone.read_until(seen, lambda: kinds(seen, "held") == [SequenceStarted])
    alone.runner.cancel("first")
    alone.read_until(seen, lambda: ended(seen, "held") and ended(seen, "behind"))
    ends = [e.id for e in seen if isinstance(e, SequenceFinished)]
    assert ends == ["first", "held", "behind"]


def test_a_bad_grammar_is_refused_before_anything_else_is_told(nano: Held) -> None:
    bad: dict[str, tuple[Grammar, str, str]] = {
        "regex": (RegexGrammar("(a", "guided_regex"), "bad_grammar", "guided_regex"),
        "schema": (JsonSchemaGrammar("[1]", param="response_format"), "bad_schema", "response_format"),
        "again": (RegexGrammar("(a", "pattern"), "bad_grammar", "pattern"),
    }
    for id, (grammar, code, param) in bad.items():
        nano.ask(id, grammar)
        (failed,) = nano.events_until(id)
        assert isinstance(failed, SequenceFailed)
        assert (failed.code, failed.param, failed.status) == (code, param, 400)
    assert len(nano.compiled()) == 1, "the same pattern is known to be bad"


def test_bad_tools_are_refused_too(nano: Held) -> None:
    message = (ChatMessage("user", "hello"),)
    impossible = Tool("f", parameters={"type": "object", "properties": {"x": {"type": "nothing"}}})
    cases = {
        "unknown": (ToolChoice(name="g"), "unknown_tool", "tool_choice"),
        "impossible": (ToolChoice(required=True), "bad_grammar", "tools[0].function.parameters"),
    }
    for id, (choice, code, param) in cases.items():
        nano.ask(id, prompt=ChatPrompt(message, (impossible,), choice))
        (failed,) = nano.events_until(id)
        assert isinstance(failed, SequenceFailed)
        assert (failed.code, failed.param) == (code, param)


def test_the_same_grammar_is_compiled_once(nano: Held) -> None:
    for id in ("one", "two", "three"):
        nano.ask(id, held(), StopRules(max_tokens=40))
    nano.wait_for_compiler()
    nano.open_gate()
    seen: list[SequenceEvent] = []
    nano.read_until(seen, lambda: all(ended(seen, id) for id in ("one", "two", "three")))
    nano.ask("four", held(), StopRules(max_tokens=40))
    nano.read_until(seen, lambda: ended(seen, "four"))
    for id in ("one", "two", "three", "four"):
        assert kinds(seen, id) == [SequenceStarted, SequenceDelta, SequenceFinished]
    assert len(nano.compiled()) == 1


def test_a_grammar_that_is_known_does_not_wait_for_one_that_is_not(nano: Held) -> None:
    nano.ask("known", YES_OR_NO)
    assert isinstance(nano.events_until("known")[-1], SequenceFinished)
    nano.ask("held", held())
    nano.wait_for_compiler()
    nano.ask("known again", YES_OR_NO)
    assert isinstance(nano.events_until("known again")[-1], SequenceFinished)


def test_its_id_is_taken(nano: Held) -> None:
    nano.ask("held", held(), StopRules(max_tokens=40))
    nano.wait_for_compiler()
    nano.ask("held")
    (failed,) = nano.events_until("held")
    assert isinstance(failed, SequenceFailed)
    assert failed.code == "duplicate_id"
    nano.open_gate()
    assert kinds(nano.events_until("held"), "held") == [SequenceStarted, SequenceDelta, SequenceFinished]


def test_the_end_of_stdin_ends_the_runner_while_a_grammar_is_compiled(nano: Held) -> None:
    nano.ask("held", held())
    nano.wait_for_compiler()
    nano.runner.close_stdin()
    assert nano.runner.process.wait(5.0) == 0
    assert nano.runner.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="process times are coarse there")
def test_waiting_costs_no_processor_and_is_told_in_the_statistics(nano: Held) -> None:
    nano.ask("stream", rules=StopRules(ignore_eos=True, max_tokens=50))
    nano.ask("held", held(), StopRules(max_tokens=40))
    while (told := nano.runner.stats()).running or told.waiting != 1:
        pass
    process = psutil.Process(nano.runner.process.pid)
    before = process.cpu_times()
    time.sleep(1.0)
    after = process.cpu_times()
    assert (after.user + after.system) - (before.user + before.system) <= 0.1
    nano.open_gate()
    while (told := nano.runner.stats()).running or told.waiting:
        pass
