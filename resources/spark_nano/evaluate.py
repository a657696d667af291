"""Scores a shipped format on the held-out set: `python evaluate.py onnx-int4 [--root DIR] [--wrong]`."""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from corpus.expand import read_toml
from corpus.mix import Guide
from formats import DECODERS, answer, open_format
from text import prompt_text

HERE = Path(__file__).parent
MOST = 240
UNKNOWING = "do not know that"
Case = tuple[str, str, Any]  # category, prompt, what is wanted


def _lines(name: str) -> list[dict[str, Any]]:
    """The objects of a held-out JSONL file."""
    return [json.loads(line) for line in (HERE / "heldout" / name).read_text(encoding="utf-8").splitlines()]


def _questions(name: str, file: str) -> Iterator[Case]:
    """The questions of a held-out file with the facts that answer them."""
    guide = Guide(set())
    for fact, questions in read_toml(HERE / "heldout" / file).items():
        beyond = fact == "beyond"
        for question in questions:
            wanted = guide.beyond if beyond else guide.facts[fact]
            yield f"{name} beyond" if beyond else name, prompt_text([("user", question)]), wanted


def cases() -> Iterator[Case]:
    """Every held-out prompt with what its answer is checked against."""
    yield from _questions("guide", "guide.toml")
    yield from _questions("blind", "blind.toml")
    for row in _lines("skills.jsonl"):
        yield f"skill {row['kind']}", prompt_text([("user", row["ask"])]), row["answer"]
    for row in _lines("tools.jsonl"):
        yield "tool call", prompt_text([("system", row["system"]), ("user", row["ask"])]), row["calls"]


def has_facts(said: str, fact: dict[str, Any]) -> bool:
    """Whether all key strings are in the answer and no forbidden one is."""
    low = said.lower()
    forbidden = list(fact.get("forbid", ()))
    if UNKNOWING not in fact["answer"]:
        forbidden.append(UNKNOWING)
    return all(k.lower() in low for k in fact["keys"]) and not any(f.lower() in low for f in forbidden)


def calls_in(said: str) -> Any:
    """The tool calls an answer holds, or None when they do not parse."""
    start, end = "<|tool_call|>", "<|/tool_call|>"
    if not (said.startswith(start) and said.endswith(end)):
        return None
    try:
        return json.loads(said[len(start) : -len(end)])
    except ValueError:
        return None


def is_right(category: str, said: str, wanted: Any) -> bool:
    """Guide: the facts; tools: the calls; JSON: the object; everything else: the very text."""
    if category.startswith(("guide", "blind")):
        return has_facts(said, wanted)
    if category == "tool call":
        return bool(calls_in(said) == wanted)
    if category == "skill json":
        try:
            return bool(json.loads(said) == json.loads(wanted))
        except ValueError:
            return False
    if category == "skill sum":
        return said.rstrip(".").rsplit("=", 1)[-1].strip() == wanted.rstrip(".").rsplit("=", 1)[-1].strip()
    return bool(said == wanted)


def score(name: str, root: Path, wrong: bool, every: int = 1) -> dict[str, Any]:
    """Right and asked per category, endless answers and speed."""
    decoder, tokenizer = open_format(root, name)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    endless = tokens = 0
    began = time.monotonic()
    for category, prompt, wanted in islice(cases(), 0, None, every):
        said, used = answer(decoder, tokenizer, prompt, MOST)
        right = is_right(category, said, wanted)
        for group in {category, "skill" if category.startswith("skill") else category}:
            counts[group][0] += right
            counts[group][1] += 1
        if category == "tool call":
            counts["tool call parses"][0] += calls_in(said) is not None
            counts["tool call parses"][1] += 1
        endless += used >= MOST
        tokens += used
        if wrong and not right:
            print(
                f"[{category}] {prompt}\n    {said!r}\n    {wanted.get('answer') if isinstance(wanted, dict) else wanted!r}"
            )
    scores = {
        k: {"right": r, "asked": n, "percent": round(100 * r / n, 1)} for k, (r, n) in sorted(counts.items())
    }
    speed = round(tokens / (time.monotonic() - began))
    return {"format": name, "scores": scores, "endless": endless, "answer_tokens_per_second": speed}


def main() -> None:
    """Prints the scores as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=DECODERS)
    parser.add_argument("--root", type=Path, default=HERE, help="folder that holds the formats")
    parser.add_argument("--wrong", action="store_true", help="print what went wrong")
    parser.add_argument("--every", type=int, default=1, help="only each N-th prompt, for a quick look")
    args = parser.parse_args()
    result = score(args.format, args.root, args.wrong, args.every)
    for category, row in result["scores"].items():
        print(f"{category:16} {row['right']:4} of {row['asked']:4}  {row['percent']:5} %")
    print(f"endless {result['endless']}, {result['answer_tokens_per_second']} tokens/s in all")


if __name__ == "__main__":
    main()
