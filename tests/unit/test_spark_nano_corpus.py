"""spark-nano's corpus: facts say what they promise, and nothing held out is ever trained on."""

import json
import random
import sys
from pathlib import Path

import pytest

NANO = Path(__file__).parents[2] / "resources" / "spark_nano"
sys.path.insert(0, str(NANO))

from corpus.expand import key_of, read_toml  # noqa: E402
from corpus.mix import ASSISTANT, SPELLED, Guide, conversation  # noqa: E402
from corpus.skills import skill, sum_answer  # noqa: E402
from corpus.tools import tool_example  # noqa: E402
from corpus.words import is_held, word  # noqa: E402

HELD = [read_toml(NANO / "heldout" / name) for name in ("guide.toml", "blind.toml")]
FORBIDDEN = {key_of(q) for held in HELD for questions in held.values() for q in questions}


@pytest.fixture(scope="module")
def guide() -> Guide:
    return Guide(FORBIDDEN)


def test_every_answer_holds_its_key_facts(guide: Guide) -> None:
    for name, fact in guide.facts.items():
        assert all(key.lower() in fact["answer"].lower() for key in fact["keys"]), name


def test_answers_are_short(guide: Guide) -> None:
    assert all(len(fact["answer"].split()) <= 45 for fact in guide.facts.values())


def test_every_held_out_fact_exists(guide: Guide) -> None:
    assert set().union(*HELD) <= set(guide.facts) | {"beyond"}


def test_held_out_questions_are_never_trained_on(guide: Guide) -> None:
    rng = random.Random(0)
    asked = {key_of(guide.question(fact, rng)) for fact in guide.ids for _ in range(60)}
    assert not asked & FORBIDDEN


def test_held_out_words_are_never_trained_on() -> None:
    rng = random.Random(0)
    assert not any(is_held(word(rng)) for _ in range(3000))
    assert all(is_held(word(rng, held=True)) for _ in range(100))


def test_held_out_tools_are_never_trained_on() -> None:
    rows = [json.loads(line) for line in (NANO / "heldout" / "tools.jsonl").read_text().splitlines()]
    held = {call["name"] for row in rows for call in row["calls"]}
    rng = random.Random(0)
    assert not held & {call["name"] for _ in range(2000) for call in tool_example(rng)[2]}


@pytest.mark.parametrize("a,b", [(2, 2), (7, 8), (27, 58), (99, 99), (50, 9), (0, 30)])
def test_sums_end_with_the_whole_sum(a: int, b: int) -> None:
    assert sum_answer(a, b).endswith(f"{a} + {b} = {a + b}.")


def test_skills_answer_rightly() -> None:
    rng = random.Random(3)
    for _ in range(200):
        _, ask, answer = skill(rng, kind="upper")
        assert answer == answer.upper() and answer.lower() in ask.lower()


def test_tool_arguments_come_from_the_request() -> None:
    rng = random.Random(4)
    for _ in range(300):
        _, ask, calls = tool_example(rng)
        assert all(
            str(value).lower() in ask.lower() for call in calls for value in call["arguments"].values()
        )


def test_conversations_alternate_and_end_with_the_assistant(guide: Guide) -> None:
    rng = random.Random(5)
    for _ in range(300):
        roles = [role for role, _ in conversation(guide, rng)]
        assert roles[-1] in (ASSISTANT, SPELLED)
        assert all(a != b for a, b in zip(roles, roles[1:], strict=False))
