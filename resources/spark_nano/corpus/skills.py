"""Makes the small text skills: echo, case, reversing, picking fields into JSON, and sums."""

import json
import random
import zlib

from .expand import fill
from .words import city, name, phrase, word

Pair = tuple[str, str]
ASK = {
    "echo": ["(repeat|echo|say|print|write|return|output|copy) (this|the following|this text|after me|exactly|the text|)",
             "repeat exactly", "(echo|repeat)", "say", "(please |)repeat (after me|this)", "reply (only|exactly) with",
             "answer (only |just |exactly |)with", "(can you |please |)(echo|repeat|say|write)"],
    "upper": ["(write|put|convert|turn|change|make) (this|the text|it|the following|) (in|to|into) (upper case|uppercase|capitals|capital letters|upper-case)",
              "(uppercase|upper-case|upper case|capitalize all letters of|shout)( this| the text|)", "to (upper case|uppercase|upper)",
              "(in|make it) (capitals|all caps|upper case|uppercase|capital letters)", "(please |)convert to (uppercase|upper case)"],
    "lower": ["(write|put|convert|turn|change|make) (this|the text|it|the following|) (in|to|into) (lower case|lowercase|small letters|lower-case)",
              "(lowercase|lower-case|lower case)( this| the text|)", "to (lower case|lowercase|lower)",
              "(in|make it) (all small|lower case|lowercase|small letters)", "(please |)convert to (lowercase|lower case)"],
    "reverse": ["(reverse|turn around|flip|mirror)( the word| this word| this| the letters of|)", "(spell|write|say) (backwards|backward|in reverse)",
                "what is the reverse of", "(reversed|backwards)", "reverse the (string|letters|text|order of the letters in)"],
}
FRAMES = ["{a}: {x}", "{a}: {x}", "{a} '{x}'", '{a} "{x}"', "{a}: '{x}'", '{a}: "{x}"', "{a} {x}", "{a}:\n{x}"]
TAILS = {
    "upper": ["{x} (in|to|as) (upper case|uppercase|capitals)", "(write|put|convert|turn|change) {x} (in|to|into) (upper case|uppercase|capitals|capital letters)",
              "what is {x} in (upper case|uppercase|capitals|capital letters)", "make {x} (uppercase|upper case|all caps)"],
    "lower": ["{x} (in|to|as) (lower case|lowercase|small letters)", "(write|put|convert|turn|change) {x} (in|to|into) (lower case|lowercase|small letters)",
              "what is {x} in (lower case|lowercase|small letters)", "make {x} (lowercase|lower case)"],
    "reverse": ["{x} (backwards|reversed|in reverse)", "(spell|write|say|put) {x} (backwards|backward|in reverse)", "what is {x} (backwards|reversed|spelled backwards|in reverse)",
                "(spell|write) the word {x} (backwards|in reverse)", "how do you (spell|write) {x} backwards", "can you reverse {x}"],
}


def _held_wording(text: str) -> bool:
    """Whether this wording of a prompt is kept for the held-out set."""
    return zlib.crc32(text.lower().encode()) % 6 == 0


def _wording(kind: str, rng: random.Random, held: bool) -> str:
    """A prompt with `{x}` where the text goes."""
    while True:
        if kind in TAILS and rng.random() < 0.45:
            text = fill(rng.choice(TAILS[kind]).replace("{x}", "\0"), rng).replace("\0", rng.choice(["{x}", "'{x}'", '"{x}"', "{x}"]))
        else:
            text = rng.choice(FRAMES).replace("{a}", fill(rng.choice(ASK[kind]), rng))
        if _held_wording(text) == held or (held and rng.random() < 0.01):
            break
    text = text[:1].upper() + text[1:] if rng.random() < 0.7 else text
    return text + (rng.choice(["?", "?", ""]) if text.lower().startswith(("what", "how", "can")) else rng.choice(["", "", "", "."]) if text.endswith("'") else "")


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


def sum_skill(rng: random.Random, held: bool) -> Pair:
    """A sum of numbers to 99, column by column, the whole sum last."""
    while True:
        most = rng.choice((9, 99, 99, 99))
        a, b = rng.randint(0, most), rng.randint(0, rng.choice((most, 99 if most == 99 else 9)))
        if (zlib.crc32(f"{a}+{b}".encode()) % 8 == 0) == held:
            break
    asks = ["what is {a} + {b}", "{a} + {b}", "{a}+{b}", "{a} + {b} =", "add {a} and {b}", "what is {a} plus {b}", "{a} plus {b}", "how much is {a} + {b}",
            "calculate {a} + {b}", "what's {a}+{b}", "compute {a} + {b}", "the sum of {a} and {b}", "what is the sum of {a} and {b}",
            "how much is {a} and {b}", "please add {a} and {b}", "what does {a} + {b} make", "work out {a} + {b}", "sum {a} and {b}", "can you add {a} and {b}", "what is {a}+{b}"]
    ask = rng.choice(asks).format(a=a, b=b)
    ask = ask[:1].upper() + ask[1:] if rng.random() < 0.7 else ask
    return ask + rng.choice(["?", "?", ""]), sum_answer(a, b)


def sum_answer(a: int, b: int) -> str:
    """The sum worked out by columns."""
    if a < 10 and b < 10:
        return f"{a} + {b} = {a + b}."
    low, carry = a % 10 + b % 10, (a % 10 + b % 10) // 10
    tens = f"{a // 10} + {b // 10}" + (" + 1" if carry else "")
    return f"{a % 10} + {b % 10} = {low}, {tens} = {a // 10 + b // 10 + carry}. {a} + {b} = {a + b}."


JOBS = "baker teacher doctor nurse driver painter lawyer farmer engineer pilot cook singer dentist plumber".split()


def _person(rng: random.Random, held: bool) -> tuple[dict[str, object], str]:
    """Fields of a person and a sentence that says them."""
    f: dict[str, object] = {"name": name(rng, held), "age": rng.randint(5, 95), "city": city(rng, held), "job": rng.choice(JOBS)}
    with_job = rng.random() < 0.35
    says = ["{name} is {age} years old and lives in {city}", "{name}, {age}, lives in {city}", "{name} is {age} and lives in {city}", "{name} from {city} is {age}( years old|)",
            "my name is {name}, i am {age} and live in {city}", "i am {name}, {age} years old, from {city}", "{name} lives in {city} and is {age}( years old|)",
            "{name} ({age}) lives in {city}", "a {age} year old (woman|man|person) (called|named) {name} lives in {city}", "in {city} lives {name}, who is {age}",
            "this is {name} from {city}, age {age}", "name {name}, age {age}, city {city}", "{age} year old {name} comes from {city}", "{name} turned {age} and moved to {city}"]
    jobs = ["{name} is a {age} year old {job} from {city}", "{name}, {age}, works as a {job} in {city}", "{name} is {age}, lives in {city} and works as a {job}",
            "the {job} {name} is {age} and lives in {city}", "{name} is a {job} in {city}, aged {age}"]
    text = rng.choice(jobs if with_job else says)
    if not with_job:
        f.pop("job")
    return f, text


def _order(rng: random.Random, held: bool) -> tuple[dict[str, object], str]:
    """Fields of an order and a sentence that says them."""
    f: dict[str, object] = {"product": word(rng, held), "quantity": rng.randint(1, 99), "price": rng.randint(1, 500), "customer": name(rng, held)}
    says = ["{customer} (ordered|bought|buys|wants) {quantity} {product} for {price} (dollars|euros)", "{quantity} {product} for {price} euros, sold to {customer}",
            "order of {quantity} {product} by {customer}, price {price}", "{customer} paid {price} for {quantity} {product}"]
    return f, rng.choice(says)


def _contact(rng: random.Random, held: bool) -> tuple[dict[str, object], str]:
    """Fields of a contact and a sentence that says them."""
    who = name(rng, held)
    f: dict[str, object] = {"name": who, "email": f"{who.lower()}@{word(rng, held)}.{rng.choice(['com', 'org', 'net'])}", "city": city(rng, held)}
    says = ["{name} from {city} has the email {email}", "(write to|contact) {name} at {email} in {city}", "{name}, {email}, {city}", "{name} lives in {city}, email {email}",
            "you can reach {name} in {city} under {email}"]
    return f, rng.choice(says)


def json_skill(rng: random.Random, held: bool) -> Pair:
    """A sentence and the fields to pick from it as JSON."""
    fields, says = rng.choice((_person, _person, _person, _order, _contact))(rng, held)
    said = fill(says.replace("{", "\1").replace("}", "\2"), rng).replace("\1", "{").replace("\2", "}").format(**fields)
    said = said[:1].upper() + said[1:] + rng.choice([".", ".", ""])
    keys = list(fields)
    if rng.random() < 0.35:
        keys = rng.sample(keys, rng.randint(1, len(keys)))
    listed = ", ".join(keys[:-1]) + rng.choice([" and ", ", "]) + keys[-1] if len(keys) > 1 else keys[0]
    asks = ["extract {k} as json", "(pick|extract|get|take) {k} (into|as|to) json", "(give|return|write) {k} as json", "json with {k}", "(return|make|write) (a |)json (object |)with {k}",
            "(pick|find|extract) the fields {k} (as|into) json", "{k} as json", "extract {k} from this text as json", "(put|turn) {k} into json"]
    ask = fill(rng.choice(asks).replace("{k}", "\0"), rng).replace("\0", listed)
    ask = ask[:1].upper() + ask[1:] if rng.random() < 0.7 else ask
    frame = rng.choice(["{ask}: {said}", "{ask}: {said}", "{ask}.\n{said}", "{said} {ask}.", "{said}\n{ask}", '{ask}: "{said}"', "{ask} from: {said}", "{ask}\n\n{said}"])
    return frame.format(ask=ask, said=said), json.dumps({k: fields[k] for k in keys})


def skill(rng: random.Random, held: bool = False, kind: str = "") -> tuple[str, str, str]:
    """One skill example: its kind, the prompt, the answer."""
    kind = kind or rng.choice(("echo", "upper", "upper", "lower", "reverse", "reverse", "json", "json", "sum"))
    makers = {"json": json_skill, "sum": sum_skill}
    return (kind, *(makers[kind](rng, held) if kind in makers else case_skill(kind, rng, held)))
