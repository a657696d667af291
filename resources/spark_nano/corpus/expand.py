"""Turns question patterns such as `{how} (get|load) {phi}` into many differently worded questions."""

import random
import re
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)|\{(\w+)\}")


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


_DATA = read_toml(HERE / "macros.toml")
MACROS: dict[str, list[str]] = _DATA["macros"]
PATTERNS: dict[str, list[str]] = _DATA["patterns"]
WRAPPERS: dict[str, list[str]] = _DATA["wrappers"]


def fill(pattern: str, rng: random.Random, lists: dict[str, list[str]] | None = None) -> str:
    """The pattern with every choice made at random."""

    def choose(match: re.Match[str]) -> str:
        if match.group(2):
            return rng.choice((lists or {}).get(match.group(2)) or MACROS[match.group(2)])
        return rng.choice(match.group(1).split("|"))

    while _CHOICE.search(pattern):
        pattern = _CHOICE.sub(choose, pattern)
    return " ".join(pattern.split()).replace(" ,", ",")


def key_of(question: str) -> str:
    """What stays of a question when case and punctuation are ignored."""
    return " ".join(re.findall(r"[\w/.:+*-]+", question.lower().replace("'", ""))).strip(".?! ")


def _typo(text: str, rng: random.Random) -> str:
    """One letter swapped, lost or doubled."""
    spots = [i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i + 1].isalpha()]
    if not spots:
        return text
    i = rng.choice(spots)
    kind = rng.random()
    if kind < 0.4:
        return text[:i] + text[i + 1] + text[i] + text[i + 2 :]
    return text[:i] + text[i + 1 :] if kind < 0.8 else text[:i] + text[i] + text[i:]


def _case(text: str, rng: random.Random) -> str:
    """The text as people write it: mostly a capital first, sometimes all small or all capitals."""
    kind = rng.random()
    if kind < 0.6:
        text = text[:1].upper() + text[1:]
    elif kind > 0.97:
        return text.upper()
    if rng.random() < 0.5:
        text = re.sub(r"\bi\b", "I", text)
        text = re.sub(
            r"\bspark\b(?![-_. ]*(nano|models|status|doctor|serve|chat|config|backends|bench|top|watch))",
            "Spark",
            text,
        )
        for word in ("phi", "openai", "ollama", "anthropic", "onnx", "gguf", "api", "gpu", "cpu", "kv"):
            right = {"openai": "OpenAI"}.get(
                word, word.upper() if len(word) < 5 and word != "phi" else word.title()
            )
            text = re.sub(rf"\b{word}\b", right, text)
    return text


def _end(text: str, rng: random.Random) -> str:
    """A closing mark, or none."""
    if text[-1:] in "?!.":
        return text
    asks = re.match(
        r"(?i)(how|what|which|where|who|why|when|is|are|can|does|do|could|will|must|should)\b", text
    )
    marks = ["?", "?", "?", "?", "", "", "??", "."] if asks else ["", "", ".", ".", "?", "!"]
    return text + rng.choice(marks)


def disguise(question: str, rng: random.Random) -> str:
    """The question as somebody might type it: politeness, case, marks and the odd slip."""
    if rng.random() < 0.45:
        question = rng.choice(WRAPPERS["before"]) + question + rng.choice(WRAPPERS["after"])
    question = _end(_case(question, rng), rng)
    while rng.random() < 0.12:
        question = _typo(question, rng)
    return question
