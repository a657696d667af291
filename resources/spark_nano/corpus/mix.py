"""Mixes guide questions, skills and tool calls into conversations to train on."""

import json
import random
from typing import Any

from .expand import HERE, PATTERNS, disguise, fill, key_of, read_toml
from .skills import SPELLING, skill
from .tools import SYSTEMS, call_text, result_example, system_with, tool_example, tool_set

Turn = tuple[str, str]  # role, content
ASSISTANT, SPELLED = "assistant", "assistant, spelling"  # the second one's tokens are single letters
OFTEN = {"download-phi": 4.0, "hello": 4.0, "connect": 4.0, "load-phi": 3.0}  # what people ask first
SYSTEM_TEXTS = [
    *SYSTEMS,
    "You are a helpful AI assistant.",
    "Be brief.",
    "Answer in one sentence.",
    "You are a friendly assistant.",
    "You are Spark's guide.",
    "Answer the user's question.",
    "Be concise and helpful.",
    "You are a careful assistant that answers questions.",
    "Reply in plain text.",
]


class Guide:
    """The guide's facts, and questions for them in many wordings."""

    def __init__(self, forbidden: set[str]) -> None:
        self.facts: dict[str, dict[str, Any]] = {}
        for path in sorted((HERE / "guide").glob("*.toml")):
            self.facts |= read_toml(path)
        self.beyond = read_toml(HERE / "beyond.toml")
        self.forbidden = forbidden
        self.ids = sorted(self.facts)
        self.weights = [OFTEN.get(i) or self._size(self.facts[i]) for i in self.ids]

    @staticmethod
    def _size(fact: dict[str, Any]) -> float:
        """How often a fact is asked: more when it has more wordings."""
        return 1.0 + 0.05 * sum(len(fact.get(kind, ())) * (1 if kind == "ask" else 2) for kind in PATTERNS)

    def answer(self, fact: str) -> str:
        """The answer to a fact's questions."""
        return str(self.beyond["answer"] if fact == "beyond" else self.facts[fact]["answer"])

    def question(self, fact: str, rng: random.Random) -> str:
        """A question for the fact that is not in the held-out set."""
        while True:
            if fact == "beyond":
                text = fill(rng.choice(self.beyond["ask"]), rng, self.beyond["lists"])
            else:
                entry = self.facts[fact]
                kinds = [k for k in PATTERNS if entry.get(k)]
                kind = rng.choices(kinds, [len(entry[k]) * (1 if k == "ask" else 2) for k in kinds])[0]
                text = rng.choice(PATTERNS[kind]).replace("{x}", rng.choice(entry[kind]))
                text = fill(text, rng)
            if key_of(text) not in self.forbidden:
                asked = disguise(text, rng)
                if key_of(asked) not in self.forbidden:
                    return asked

    def pair(self, rng: random.Random) -> Turn:
        """A question and its answer."""
        fact = "beyond" if rng.random() < 0.12 else rng.choices(self.ids, self.weights)[0]
        return self.question(fact, rng), self.answer(fact)


def _pair(guide: Guide, rng: random.Random, guide_share: float) -> list[Turn]:
    """A question and answer, of the guide or a skill."""
    if rng.random() < guide_share:
        question, answer = guide.pair(rng)
        return [("user", question), (ASSISTANT, answer)]
    kind, question, answer = skill(rng)
    return [("user", question), (SPELLED if kind in SPELLING else ASSISTANT, answer)]


def _tool_turns(guide: Guide, rng: random.Random) -> list[Turn]:
    """A conversation with tools in the system message."""
    system, ask, calls = tool_example(rng)
    if rng.random() < 0.1:
        return [("system", system_with(tool_set(rng), rng)), *_pair(guide, rng, 0.7)]
    turns = [("system", system), ("user", ask), (ASSISTANT, call_text(calls))]
    if rng.random() < 0.15:
        fields, says = result_example(rng)
        turns += [("tool_response", json.dumps(fields)), (ASSISTANT, says)]
    return turns


def conversation(guide: Guide, rng: random.Random, shares: tuple[float, float] = (0.5, 0.22)) -> list[Turn]:
    """One conversation: the shares are of guide questions and of tool calls, skills take the rest."""
    kind = rng.random()
    if kind < shares[1]:
        return _tool_turns(guide, rng)
    guide_share = shares[0] / (1 - shares[1])
    turns: list[Turn] = []
    if rng.random() < 0.15:
        turns.append(("system", rng.choice(SYSTEM_TEXTS)))
    count = 1 if rng.random() < 0.85 else rng.randint(2, 8)
    for _ in range(count):
        turns += _pair(guide, rng, guide_share)
    return turns
