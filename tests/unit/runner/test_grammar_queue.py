"""Forms of answers are compiled beside their callers: each once, remembered, and told when it is done."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from spark_engine.errors import InvalidRequest, SparkError
from spark_engine.runner.grammar import KEPT
from spark_engine.runner.grammar_form import Form, Make
from spark_engine.runner.grammar_queue import GrammarQueue
from spark_engine.types.chat import ChatMessage, ChatPrompt, TextPrompt, Tool, ToolChoice
from spark_engine.types.generation import GenerationRequest, JsonObjectGrammar, RegexGrammar

SECONDS = 10.0


class Compiler:
    """Compiles nothing, notes everything; holds the thread until its gate is open."""

    def __init__(self) -> None:
        self.forms: list[Form] = []
        self.gate, self.ready = threading.Event(), threading.Event()
        self.queue = GrammarQueue(self._compile, self.ready.set)

    def _compile(self, form: Form) -> Make:
        self.forms.append(form)
        assert self.gate.wait(SECONDS)
        if form == form_of("bad"):
            raise InvalidRequest("bad_grammar", "Bad", "It is bad.")
        if form == form_of("odd"):
            raise ZeroDivisionError
        return lambda: None


@pytest.fixture
def compiler() -> Iterator[Compiler]:
    made = Compiler()
    yield made
    made.gate.set()


def form_of(pattern: str) -> Form:
    return Form(RegexGrammar(pattern))


def error_of(future: Future[Make]) -> BaseException | None:
    return future.exception(SECONDS)


def test_who_asks_does_not_wait_and_is_told(compiler: Compiler) -> None:
    future = compiler.queue.rules(form_of("a"))
    assert not future.done()
    assert not compiler.ready.is_set()
    compiler.gate.set()
    assert compiler.ready.wait(SECONDS)
    assert future.done()
    assert future.result()() is None


def test_the_same_form_is_begun_once_and_done_at_once_afterwards(compiler: Compiler) -> None:
    first, second = (compiler.queue.rules(form_of("a")) for _ in range(2))
    assert first is second
    compiler.gate.set()
    first.result(SECONDS)
    assert compiler.queue.rules(form_of("a")).done()
    assert compiler.forms == [form_of("a")]


def test_what_failed_or_was_given_up_is_begun_anew(compiler: Compiler) -> None:
    bad, given_up = compiler.queue.rules(form_of("bad")), compiler.queue.rules(form_of("b"))
    assert given_up.cancel()
    compiler.gate.set()
    assert isinstance(error_of(bad), InvalidRequest)
    assert isinstance(error_of(compiler.queue.rules(form_of("bad"))), InvalidRequest)
    assert error_of(compiler.queue.rules(form_of("b"))) is None
    assert compiler.forms == [form_of(pattern) for pattern in ("bad", "bad", "b")]


def test_what_nobody_expected_is_an_error_of_this_one(
    compiler: Compiler, expect_log: Callable[[str], None]
) -> None:
    expect_log("a grammar could not be compiled.*ZeroDivisionError")
    compiler.gate.set()
    error = error_of(compiler.queue.rules(form_of("odd")))
    assert isinstance(error, SparkError)
    assert error.code == "grammar_failed"


def test_only_the_last_ones_are_kept(compiler: Compiler) -> None:
    compiler.gate.set()
    patterns = [f"a{{{number}}}" for number in range(KEPT + 1)]
    for pattern in patterns:
        compiler.queue.rules(form_of(pattern)).result(SECONDS)
    assert compiler.queue.rules(form_of(patterns[-1])).done()
    compiler.queue.rules(form_of(patterns[0])).result(SECONDS)
    assert compiler.forms.count(form_of(patterns[0])) == 2


def test_the_form_is_what_a_request_says_of_its_answer() -> None:
    weather = Tool("weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
    chat = ChatPrompt((ChatMessage("user", "hello"),), (weather,))
    free = GenerationRequest("a", "m", TextPrompt("hello"))
    assert Form.of(free) is None
    asked = [
        GenerationRequest("b", "m", TextPrompt("hello"), grammar=JsonObjectGrammar()),
        GenerationRequest("c", "m", chat),
        GenerationRequest("d", "m", chat, grammar=JsonObjectGrammar()),
        GenerationRequest("e", "m", ChatPrompt(chat.messages, (weather,), ToolChoice(required=True))),
        GenerationRequest("f", "m", ChatPrompt(chat.messages, (Tool("weather"),))),
    ]
    forms = [Form.of(request) for request in asked]
    keys = [form.key for form in forms if form is not None]
    assert len(set(keys)) == len(asked)
    again = Form.of(GenerationRequest("g", "n", ChatPrompt((ChatMessage("user", "bye"),), (weather,))))
    assert again is not None
    assert again.key == keys[1]
