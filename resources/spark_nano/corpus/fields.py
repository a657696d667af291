"""Makes the skill of picking fields out of a sentence into JSON."""

import json
import random

from .expand import HERE, fill, read_toml
from .words import WORDS, city, name, word

_DATA = read_toml(HERE / "skills.toml")
_SAYS: dict[str, list[str]] = _DATA["says"]
Fields = dict[str, object]


def _person(rng: random.Random, held: bool) -> tuple[Fields, str]:
    """Fields of a person and a sentence that says them."""
    fields: Fields = {"name": name(rng, held), "age": rng.randint(5, 95), "city": city(rng, held)}
    if rng.random() < 0.35:
        return fields | {"job": rng.choice(WORDS["jobs"])}, rng.choice(_SAYS["worker"])
    return fields, rng.choice(_SAYS["person"])


def _order(rng: random.Random, held: bool) -> tuple[Fields, str]:
    """Fields of an order and a sentence that says them."""
    numbers: Fields = {"quantity": rng.randint(1, 99), "price": rng.randint(1, 500)}
    fields = {"product": word(rng, held)} | numbers | {"customer": name(rng, held)}
    return fields, rng.choice(_SAYS["order"])


def _contact(rng: random.Random, held: bool) -> tuple[Fields, str]:
    """Fields of a contact and a sentence that says them."""
    who = name(rng, held)
    email = f"{who.lower()}@{word(rng, held)}.{rng.choice(['com', 'org', 'net'])}"
    return {"name": who, "email": email, "city": city(rng, held)}, rng.choice(_SAYS["contact"])


def _sentence(says: str, fields: Fields, rng: random.Random) -> str:
    """The sentence with its choices made and its fields put in."""
    chosen = fill(says.replace("{", "\1").replace("}", "\2"), rng).replace("\1", "{").replace("\2", "}")
    text = chosen.format(**fields)
    return text[:1].upper() + text[1:] + rng.choice([".", ".", ""])


def _listed(keys: list[str], rng: random.Random) -> str:
    """Field names as people list them."""
    return ", ".join(keys[:-1]) + rng.choice([" and ", ", "]) + keys[-1] if len(keys) > 1 else keys[0]


def json_skill(rng: random.Random, held: bool) -> tuple[str, str]:
    """A sentence and the fields to pick from it as JSON."""
    fields, says = rng.choice((_person, _person, _person, _order, _contact))(rng, held)
    keys = list(fields)
    if rng.random() < 0.35:
        keys = rng.sample(keys, rng.randint(1, len(keys)))
    ask = fill(rng.choice(_DATA["json"]).replace("{k}", "\0"), rng).replace("\0", _listed(keys, rng))
    ask = ask[:1].upper() + ask[1:] if rng.random() < 0.7 else ask
    prompt = rng.choice(_DATA["json_frames"]).format(ask=ask, said=_sentence(says, fields, rng))
    return prompt, json.dumps({key: fields[key] for key in keys})
