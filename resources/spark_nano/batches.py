"""Endless training batches from the corpus."""

import random
from pathlib import Path
from typing import Any

import torch
from corpus.expand import key_of, read_toml
from corpus.mix import Guide, conversation
from text import IGNORE, Encoder

HERE = Path(__file__).parent


def held_questions() -> set[str]:
    """The held-out guide questions, which are never trained on."""
    files = [read_toml(HERE / "heldout" / name) for name in ("guide.toml", "blind.toml")]
    return {key_of(q) for held in files for questions in held.values() for q in questions}


def batches(
    guide: Guide, encoder: Encoder, rng: random.Random, tokens: int, shares: tuple[float, float]
) -> Any:
    """Endless batches of about `tokens` tokens, rows of like length together."""
    while True:
        pool = [encoder.encode(conversation(guide, rng, shares), rng) for _ in range(1500)]
        pool = sorted((e for e in pool if len(e[0]) <= 1024), key=lambda e: len(e[0]))
        rows: list[Any] = []
        made = []
        for item in pool:
            if rows and len(item[0]) * (len(rows) + 1) > tokens:
                made.append(rows)
                rows = []
            rows.append(item)
        rng.shuffle(made)
        yield from map(_stack, made)


def _stack(rows: list[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows padded to one length."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([r + [0] * (width - len(r)) for r, _ in rows])
    labels = torch.tensor([r + [IGNORE] * (width - len(r)) for _, r in rows])
    return ids, labels
