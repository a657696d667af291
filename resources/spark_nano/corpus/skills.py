"""Makes the small text skills: echo, case, reversing and sums."""

import random
import zlib

from .expand import HERE, fill, read_toml
from .fields import json_skill
from .words import phrase, word

Pair = tuple[str, str]
_DATA = read_toml(HERE / "skills.toml")
_SHARES = {"echo": 2, "upper": 4, "lower": 4, "reverse": 4, "json": 3, "sum": 2}


SPELLING = ("upper", "lower", "reverse")  # answered letter by letter


def _held_wording(text: str) -> bool:
    """Whether this wording of a prompt is kept for the held-out set."""
    return zlib.crc32(text.lower().encode()) % 6 == 0


def _any_wording(kind: str, rng: random.Random) -> str:
    """A prompt with `{x}` where the text goes: asked first, or after the text."""
    if kind in _DATA["tails"] and rng.random() < 0.45:
        text = fill(rng.choice(_DATA["tails"][kind]).replace("{x}", "\0"), rng)
        return text.replace("\0", rng.choice(["{x}", "'{x}'", '"{x}"', "{x}"]))
    return str(rng.choice(_DATA["frames"])).replace("{a}", fill(rng.choice(_DATA["ask"][kind]), rng))


def _wording(kind: str, rng: random.Random, held: bool) -> str:
    """A prompt of the kept wordings, or of the others."""
    while True:
        text = _any_wording(kind, rng)
        if _held_wording(text) == held or (held and rng.random() < 0.01):
            break
    text = text[:1].upper() + text[1:] if rng.random() < 0.7 else text
    if text.lower().startswith(("what", "how", "can")):
        return text + rng.choice(["?", "?", ""])
    return text + (rng.choice(["", "", "", "."]) if text.endswith("'") else "")


def _text(kind: str, rng: random.Random, held: bool) -> str:
    """What the skill works on."""
    if kind == "reverse":
        text = word(rng, held)
        return text.capitalize() if rng.random() < 0.1 else text
    text = phrase(rng, held)
    style = rng.random()
    if kind == "lower":
        return text.upper() if style < 0.6 else text.title() if style < 0.85 else text
    if style < 0.25:
        text = text.capitalize()
    elif style < 0.35:
        text = text.title()
    elif style < 0.42:
        text += f" {rng.randint(0, 9999)}"
    elif style < 0.5 and kind == "echo":
        text = text.capitalize() + rng.choice(".!?")
    return text


def case_skill(kind: str, rng: random.Random, held: bool) -> Pair:
    """Echo, upper, lower or reverse."""
    text = _text(kind, rng, held)
    answer = {"echo": text, "upper": text.upper(), "lower": text.lower(), "reverse": text[::-1]}[kind]
    return _wording(kind, rng, held).replace("{x}", text), answer


def _summands(rng: random.Random, held: bool) -> tuple[int, int]:
    """Two numbers to 99; one pair in eight is kept for the held-out set."""
    while True:
        most = rng.choice((9, 99, 99, 99))
        a, b = rng.randint(0, most), rng.randint(0, most if rng.random() < 0.8 else 9)
        if (zlib.crc32(f"{a}+{b}".encode()) % 8 == 0) == held:
            return a, b


def sum_skill(rng: random.Random, held: bool) -> Pair:
    """A sum of numbers to 99, worked out by columns, the whole sum last."""
    a, b = _summands(rng, held)
    ask = rng.choice(_DATA["sums"]).format(a=a, b=b)
    ask = ask[:1].upper() + ask[1:] if rng.random() < 0.7 else ask
    return ask + rng.choice(["?", "?", ""]), sum_answer(a, b)


def sum_answer(a: int, b: int) -> str:
    """The sum worked out by columns."""
    if a < 10 and b < 10:
        return f"{a} + {b} = {a + b}."
    low, carry = a % 10 + b % 10, (a % 10 + b % 10) // 10
    tens = f"{a // 10} + {b // 10}" + (" + 1" if carry else "")
    return f"{a % 10} + {b % 10} = {low}, {tens} = {a // 10 + b // 10 + carry}. {a} + {b} = {a + b}."


def skill(rng: random.Random, held: bool = False, kind: str = "") -> tuple[str, str, str]:
    """One skill example: its kind, the prompt, the answer."""
    kind = kind or rng.choices(list(_SHARES), list(_SHARES.values()))[0]
    makers = {"json": json_skill, "sum": sum_skill}
    return (kind, *(makers[kind](rng, held) if kind in makers else case_skill(kind, rng, held)))
