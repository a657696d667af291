"""Words to train the text skills on, and the rule that keeps some of them for the held-out set."""

import random
import zlib

from .expand import HERE, read_toml

WORDS: dict[str, list[str]] = {kind: text.split() for kind, text in read_toml(HERE / "words.toml").items()}
COMMON, NAMES = WORDS["common"], WORDS["names"]
CITIES = [c.replace("_", " ") for c in WORDS["cities"]]
_ONSETS, _VOWELS = WORDS["onsets"], WORDS["vowels"]
_CODAS = ["", "", "", "n", "r", "s", "t", "l", "m", "ck", "nd", "st", "ng", "x", "p", "d", "rt", "sh"]

_RUDE = ("fuc", "fuk", "shit", "cunt", "dick", "cock", "tit", "slut", "piss", "rape", "sex", "ass")


def is_held(word: str) -> bool:
    """Whether a word (any case) is kept for the held-out set."""
    return zlib.crc32(word.lower().encode()) % 16 == 0


def _coin(rng: random.Random) -> str:
    """An invented word of one to three syllables."""
    while True:
        count = rng.choice((1, 2, 2, 2, 3))
        made = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(count))
        if not any(part in made for part in _RUDE):
            return made


def _letters(rng: random.Random) -> str:
    """A meaningless run of letters."""
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(3, 8)))


def _draw(rng: random.Random, held: bool, source: list[str], coined: float) -> str:
    """A word of the source, an invented or (to train on only) a compound one, held out or not as asked."""
    while True:
        kind = rng.random()
        word = _coin(rng) if kind < coined else rng.choice(source)
        if source is COMMON and kind > 0.93:
            word = _letters(rng)
        elif source is not COMMON and kind < coined:
            word = word.capitalize()
        if not held and source is COMMON and rng.random() < 0.15:
            word = rng.choice(COMMON) + rng.choice((rng.choice(COMMON), _coin(rng)))
        if is_held(word) == held:
            return word


def word(rng: random.Random, held: bool = False) -> str:
    """A small-letter word."""
    return _draw(rng, held, COMMON, 0.5)


def name(rng: random.Random, held: bool = False) -> str:
    """A person's first name."""
    return _draw(rng, held, NAMES, 0.4)


def city(rng: random.Random, held: bool = False) -> str:
    """A city."""
    return _draw(rng, held, CITIES, 0.4)


def phrase(rng: random.Random, held: bool = False, most: int = 6) -> str:
    """One to `most` words."""
    return " ".join(word(rng, held) for _ in range(rng.randint(1, most)))
