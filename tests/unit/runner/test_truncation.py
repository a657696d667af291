"""What is left out of a prompt that does not fit: whole turns, never half a tool call, and exactly as much as told."""

from collections.abc import Sequence
from math import ceil, log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from spark_engine.backends.echo import EchoVocabulary
from spark_engine.errors import ContextExceeded
from spark_engine.runner.prompt import PromptEncoder
from spark_engine.runner.template import ChatTemplate
from spark_engine.runner.truncation import ANSWER_ROOM, Fitted, answer_room, cuts, fitted, shortened
from spark_engine.types.chat import ChatMessage, ChatPrompt, Prompt, TextPrompt, TokensPrompt, ToolCall
from spark_engine.types.generation import GenerationRequest, StopRules, Truncation

CONTEXT = 400
VOCABULARY = EchoVocabulary()
ENCODER = PromptEncoder(VOCABULARY, ChatTemplate(VOCABULARY.template), forced=True)


class Counting:
    """Encodes by a real template, and keeps what was encoded."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []
        self.made: dict[int, Prompt] = {}

    def __call__(self, prompt: Prompt) -> list[int]:
        tokens = ENCODER.encode(prompt)
        self.prompts.append(prompt)
        self.made[id(tokens)] = prompt
        return tokens


def user(text: str = "u") -> ChatMessage:
    return ChatMessage("user", text)


def said(text: str = "a") -> ChatMessage:
    return ChatMessage("assistant", text)


def calls(*ids: str) -> ChatMessage:
    return ChatMessage("assistant", tool_calls=tuple(ToolCall(id, "f", "{}") for id in ids))


def result(id: str, text: str = "r") -> ChatMessage:
    return ChatMessage("tool", text, tool_call_id=id)


SYSTEM = ChatMessage("system", "Be kind.")
ids = st.sampled_from(["c0", "c1", "c2"])
texts = st.text("abc ü", max_size=60)
messages = st.lists(
    st.builds(user, texts)
    | st.builds(said, texts)
    | st.lists(ids, min_size=1, max_size=2).map(lambda made: calls(*made))
    | st.builds(result, ids, texts)
    | st.builds(lambda text: ChatMessage("system", text), texts),
    min_size=1,
    max_size=25,
)


def last_user(messages: Sequence[ChatMessage]) -> int:
    return max((i for i, m in enumerate(messages) if m.role == "user"), default=0)


def caller_of(place: int, messages: Sequence[ChatMessage]) -> ChatMessage | None:
    """The newest message before this tool result that made its call."""
    wanted = messages[place].tool_call_id
    makers = [m for m in messages[:place] if wanted in [call.id for call in m.tool_calls]]
    return makers[-1] if makers else None


@given(messages, st.integers(10, 500))
def test_what_stays_of_a_conversation(said: list[ChatMessage], most: int) -> None:
    encode, whole = Counting(), ChatPrompt(tuple(said))
    short = shortened(whole, encode, (), most)
    prompt = encode.made[id(short.tokens)]
    assert isinstance(prompt, ChatPrompt)
    kept = prompt.messages
    assert short.dropped_messages == len(said) - len(kept)
    assert short.whole == len(ENCODER.encode(whole))
    begins = next(i for i in range(len(said) + 1) if [*_system(said[:i]), *said[i:]] == list(kept))
    assert begins <= last_user(said)
    for place, message in enumerate(said):
        if message.role == "tool" and place >= begins and (caller := caller_of(place, said)) is not None:
            assert any(caller is other for other in kept), "a tool result lost its call"
    if short.dropped_messages:
        assert short.whole > most, "something was dropped without need"
        assert next(m for m in kept if m.role != "system").role == "user"


@given(messages, st.integers(10, 500))
def test_it_fits_and_whole_quarters_go_at_once(said: list[ChatMessage], most: int) -> None:
    short = shortened(ChatPrompt(tuple(said)), Counting(), (), most)
    lengths = [
        len(ENCODER.encode(ChatPrompt((*_system(said[:cut]), *said[cut:])))) for cut in [0, *cuts(said)]
    ]
    if short.whole <= most:
        assert len(short.tokens) == short.whole
        return
    aim = next(n for n in range(short.whole, -most, -max(1, most // 4)) if n <= most)
    expected = [n for n in lengths if n <= aim] or [n for n in lengths if n <= most] or lengths[-1:]
    assert len(short.tokens) == expected[0]


def test_a_growing_chat_begins_at_the_same_turn_for_a_while() -> None:
    said, begins = [SYSTEM], []
    for turn in range(60):
        said += [
            user(f"question {turn}" * 3),
            calls() if turn % 7 == 6 else ChatMessage("assistant", "a" * 30),
        ]
        encode = Counting()
        short = shortened(ChatPrompt((*said, user("and now?"))), encode, (), 1000)
        assert len(short.tokens) <= 1000
        begins.append(short.dropped_messages)
    assert begins[-1] > 60, "the chat outgrows its context"
    assert len(set(begins)) <= 1 + begins[-1] // 6, begins
    assert begins == sorted(begins)


@pytest.mark.parametrize("most", [100, 1000, 5000, 9000])
def test_a_long_chat_is_not_encoded_turn_by_turn(most: int) -> None:
    encode, turns = Counting(), 300
    short = shortened(ChatPrompt((SYSTEM, *(user("a" * 20), said("b" * 10)) * turns)), encode, (), most)
    assert most * 3 // 4 - 40 < len(short.tokens) <= most
    assert len(encode.prompts) <= 2 + 2 * ceil(log2(turns))


def _system(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    return [message for message in messages if message.role == "system"]


@pytest.mark.parametrize(
    ("said", "places"),
    [
        ([user()], []),
        ([SYSTEM, user()], []),
        ([SYSTEM, user(), said(), user()], [3]),
        ([said("Hello, I am here."), user()], [1]),
        ([user(), user(), said(), user(), calls("c"), result("c")], [1, 3]),
        ([user(), calls("c"), result("c"), said(), user()], [4]),
        ([user(), calls("c", "d"), result("c"), user(), result("d"), said(), user()], [6]),
        ([user(), calls("c"), user(), calls("c"), result("c")], [2]),
        ([user(), said(), SYSTEM, user()], [3]),
        ([said(), said()], []),
    ],
)
def test_where_a_conversation_may_begin(said: list[ChatMessage], places: list[int]) -> None:
    assert cuts(said) == places


def test_a_system_message_in_the_middle_stays_in_its_place() -> None:
    encode = Counting()
    rule = ChatMessage("system", "From now on in French.")
    told = [SYSTEM, user("x" * 300), said(), rule, user("b"), said(), user("c")]
    short = shortened(ChatPrompt(tuple(told)), encode, (), 120)
    assert encode.made[id(short.tokens)] == ChatPrompt((SYSTEM, rule, *told[4:]))
    assert short.dropped_messages == 2


def request(prompt: Prompt, policy: Any = "auto", **stop: Any) -> GenerationRequest:
    return GenerationRequest("r", "m", prompt, stop=StopRules(**stop), truncation=policy)


def fit(prompt: Prompt, policy: Any = "auto", prefix: Sequence[int] = (), **stop: Any) -> Fitted:
    return fitted(request(prompt, policy, **stop), ENCODER.encode, prefix, CONTEXT)


TALK = ChatPrompt((SYSTEM, *(user("question" * 5), said("answer" * 5)) * 6, user("and now?")))


def test_the_report_has_exact_numbers() -> None:
    whole = len(ENCODER.encode(TALK))
    found = fit(TALK, max_tokens=50)
    report = found.truncation
    assert report is not None
    assert report.prompt_tokens_before == whole > CONTEXT
    assert report.prompt_tokens == len(found.tokens) <= CONTEXT - 50
    assert report.dropped_tokens == whole - len(found.tokens) > 0
    dropped = report.dropped_messages
    assert found.tokens == ENCODER.encode(replace(TALK, messages=(SYSTEM, *TALK.messages[1 + dropped :])))
    assert (report.max_tokens, found.limit) == (50, len(found.tokens) + 50)
    assert not found.is_whole


def test_what_fits_stays_whole_and_the_report_says_so() -> None:
    found = fit(ChatPrompt((SYSTEM, user())), max_tokens=10)
    count = len(found.tokens)
    assert found.truncation == Truncation(0, 0, count, count, 10)
    assert found.is_whole


def test_without_the_policy_nothing_is_dropped_and_the_counts_are_told() -> None:
    with pytest.raises(ContextExceeded) as refused:
        fit(TALK, "disabled", max_tokens=50)
    whole = len(ENCODER.encode(TALK))
    expected = f"The prompt has {whole} tokens and 50 tokens of answer were asked for; this model's context holds 400."
    assert refused.value.message == expected
    short = fit(ChatPrompt((user(),)), "disabled", max_tokens=5)
    assert short.truncation is None
    assert short.limit == len(short.tokens) + 5
    assert fit(ChatPrompt((user(),)), "disabled").limit == CONTEXT


@pytest.mark.parametrize(
    ("stop", "room"),
    [
        ({}, 100),
        ({"min_tokens": 150}, 150),
        ({"min_tokens": 999}, 200),
        ({"max_tokens": 7}, 7),
        ({"max_tokens": 0}, 1),
        ({"max_tokens": 200}, 200),
        ({"max_tokens": 10**9}, 200),
    ],
)
def test_how_much_room_an_answer_gets(stop: dict[str, int], room: int) -> None:
    assert answer_room(StopRules(**stop), CONTEXT) == room
    report = fit(TALK, **stop).truncation
    assert report is not None
    assert report.prompt_tokens <= CONTEXT - room
    assert report.max_tokens == min(stop.get("max_tokens", CONTEXT), CONTEXT - report.prompt_tokens)


def test_a_large_context_keeps_no_more_than_a_long_answer_needs() -> None:
    assert answer_room(StopRules(), 131_072) == ANSWER_ROOM


def test_a_newest_turn_that_does_not_fit_is_refused_with_both_counts() -> None:
    newest = user("x" * 500)
    with pytest.raises(ContextExceeded) as refused:
        fit(ChatPrompt((SYSTEM, user(), said(), newest)), max_tokens=20)
    least = len(ENCODER.encode(ChatPrompt((SYSTEM, newest))))
    assert f"Without its oldest messages it still has {least}." in refused.value.message
    with pytest.raises(ContextExceeded) as alone:
        fit(ChatPrompt((newest,)))
    assert "oldest" not in alone.value.message


def test_a_newest_turn_that_leaves_little_room_is_not_refused_for_it() -> None:
    newest = user("x" * (CONTEXT - 40))
    found = fit(ChatPrompt((user("old"), said("older"), newest)))
    assert found.tokens == ENCODER.encode(ChatPrompt((newest,)))
    assert found.limit == CONTEXT
    with pytest.raises(ContextExceeded):
        fit(ChatPrompt((newest,)), max_tokens=60)


@given(st.integers(1, 2000), st.integers(0, 3), st.none() | st.integers(0, 600))
def test_a_raw_prompt_loses_its_beginning_but_not_what_the_vocabulary_puts_there(
    length: int, prefix: int, max_tokens: int | None
) -> None:
    head = (250,) * prefix
    tokens = (*head, *(i % 200 for i in range(length)))
    found = fit(TokensPrompt(tokens), prefix=head, max_tokens=max_tokens)
    report = found.truncation
    assert report is not None
    room = answer_room(StopRules(max_tokens), CONTEXT)
    assert len(found.tokens) == min(len(tokens), CONTEXT - room)
    assert tuple(found.tokens[:prefix]) == head
    assert tuple(found.tokens[prefix:]) == tokens[len(tokens) - len(found.tokens) + prefix :]
    assert (report.dropped_messages, report.dropped_tokens) == (0, len(tokens) - len(found.tokens))
    assert len(found.tokens) < found.limit <= CONTEXT or max_tokens == 0


def test_raw_text_keeps_its_end() -> None:
    found = fit(TextPrompt("a" * 900 + "the end"), max_tokens=100)
    assert len(found.tokens) == 300
    assert b"".join(map(VOCABULARY.piece, found.tokens)).endswith(b"aaathe end")


def test_token_ids_without_the_vocabulary_s_prefix_get_none() -> None:
    found = fit(TokensPrompt((1,) * 900), prefix=(250,), max_tokens=100)
    assert found.tokens == [1] * 300
