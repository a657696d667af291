"""Writes the held-out skills and tool calls, made of words, names and wordings that training never draws."""

import json
import random
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from corpus.skills import skill  # noqa: E402
from corpus.tools import tool_example  # noqa: E402

SEED = 2026


def skills() -> list[dict[str, Any]]:
    """Forty prompts of each skill."""
    rng = random.Random(SEED)
    made = []
    for kind in ("echo", "upper", "lower", "reverse", "json", "sum"):
        for _ in range(40):
            _, ask, answer = skill(rng, True, kind)
            made.append({"kind": kind, "ask": ask, "answer": answer})
    return made


def tools() -> list[dict[str, Any]]:
    """Requests with tools, and the calls they ask for."""
    rng = random.Random(SEED)
    made = []
    for _ in range(120):
        system, ask, calls = tool_example(rng, True)
        made.append({"system": system, "ask": ask, "calls": calls})
    return made


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """One JSON object per line."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write("skills.jsonl", skills())
    write("tools.jsonl", tools())
