"""Words to train the text skills on, and the rule that keeps some of them for the held-out set."""

import random
import zlib

COMMON = """apple river table garden window yellow planet summer winter orange silver castle dragon forest
guitar hammer island jacket kitten ladder marble needle ocean pencil rabbit saddle tunnel violin wallet bridge
candle doctor engine flower ginger harbor insect jungle kettle lemon mirror novel onion pepper queen rocket
sailor temple urban valley walnut yogurt zebra anchor basket circle desert eagle finger glove honey ivory jewel
knight letter market nephew office parrot quartz ribbon shadow thunder umbrella velvet whisper cloud stone bread
paper house mouse train music light night water green black white small large quick brown lazy fox dog jumps over
the cat sat on mat hello world good morning spark model local computer open source data file chat language server
memory fast slow red blue happy sun moon star tree bird fish book door key ring song time day year hand head
code test work note plan idea road city lake hill wind rain snow fire gold iron salt milk tea cake rice corn""".split()
NAMES = """Anna Ben Clara David Emma Felix Grace Henry Ida Jonas Karen Leo Maria Nils Olga Paul Rosa Simon Tina
Uwe Vera Walter Yara Zoe Ahmed Bella Carlos Diana Erik Fatima George Hanna Ivan Julia Kenji Laura Mehmet Nora
Oscar Priya Quinn Rafael Sofia Tomas Ursula Victor Wendy Xenia Yusuf Alice Bob Carol John Mary Peter Lisa Tom
Kate James Sarah Michael Linda Robert Susan Max Lena Mia Noah Liam Olivia Ava Lucas Amir Chen Wei Yuki Hugo""".split()
CITIES = """Oslo Paris London Berlin Rome Madrid Vienna Prague Lisbon Dublin Athens Warsaw Zurich Geneva Munich
Hamburg Bremen Cairo Tokyo Kyoto Osaka Seoul Delhi Mumbai Sydney Perth Boston Chicago Denver Dallas Seattle Austin
Toronto Lima Bogota Quito Nairobi Lagos Accra Tunis Helsinki Stockholm Bergen Turin Milan Naples Lyon Nice Porto
Sevilla Krakow Riga Vilnius Tallinn Antwerp Leeds York Bristol Glasgow Cork Moscow Kiev Istanbul Ankara Tehran
Bangkok Hanoi Manila Jakarta Miami Houston Phoenix Atlanta Montreal""".split() + ["New York", "San Francisco", "Cape Town"]
_ONSETS = "b c d f g h j k l m n p r s t v w z br ch cl cr dr fl fr gl gr pl pr sh sk sl sm sp st str th tr qu".split()
_VOWELS = "a e i o u a e i o u ai ea ee oo ou ie y".split()
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
    """A word of the source or an invented one, held out or not as asked."""
    while True:
        kind = rng.random()
        word = _coin(rng) if kind < coined else rng.choice(source)
        if source is COMMON and kind > 0.93:
            word = _letters(rng)
        elif source is not COMMON and kind < coined:
            word = word.capitalize()
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
