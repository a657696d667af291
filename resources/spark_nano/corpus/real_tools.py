"""Makes tool calls with tools as apps really offer them: weather, timers, mail, search and the like."""

import random
import re
from typing import Any

from .expand import HERE, fill, read_toml
from .words import city, name, phrase, word

_DATA = read_toml(HERE / "tools.toml")
_LANGUAGES = [
    "German",
    "French",
    "Spanish",
    "Italian",
    "Dutch",
    "Polish",
    "Greek",
    "Danish",
    "Turkish",
    "Czech",
]
_ROOMS = ["kitchen", "bedroom", "bathroom", "living room", "garage", "garden", "office", "hall", "cellar"]


def _value(kind: str, rng: random.Random) -> Any:
    """A value of the kind."""
    makers: dict[str, Any] = {
        "place": lambda: city(rng),
        "person": lambda: name(rng),
        "text": lambda: phrase(rng, most=5),
        "number": lambda: rng.randint(1, 999 if rng.random() < 0.3 else 60),
        "unit": lambda: rng.choice(["celsius", "fahrenheit"]),
        "language": lambda: rng.choice(_LANGUAGES),
        "thing": lambda: rng.choice([rng.choice(_ROOMS), word(rng)]),
        "formula": lambda: f"{rng.randint(1, 99)} {rng.choice('+-*/')} {rng.randint(1, 99)}",
        "id": lambda: word(rng) + rng.choice([".txt", ".md", ".pdf", ".csv", f"-{rng.randint(1, 99)}"]),
    }
    return makers[kind]()


def _property(param: str, kind: str, described: bool) -> dict[str, Any]:
    """A parameter's schema."""
    made: dict[str, Any] = {"type": "integer" if kind == "number" else "string"}
    if kind == "unit":
        made["enum"] = ["celsius", "fahrenheit"]
    if described:
        made["description"] = f"The {param.replace('_', ' ')}"
    return made


class RealTool:
    """One tool of a familiar kind."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.entry = rng, rng.choice(_DATA["real"])
        self.name = fill(self.entry["name"], rng)
        self.params = [(fill(param, rng), kind) for param, kind in self.entry["params"]]

    def schema(self, style: float) -> dict[str, Any]:
        """The tool as it stands in the system message."""
        properties = {param: _property(param, kind, style < 0.5) for param, kind in self.params}
        parameters: dict[str, Any] = {"type": "object", "properties": properties}
        if style < 0.8 and properties:
            parameters["required"] = list(properties)
        return {
            "name": self.name,
            "description": fill(self.entry["says"], self.rng),
            "parameters": parameters,
        }

    def ask(self) -> tuple[str, dict[str, Any]]:
        """A request in words, and the arguments it gives."""
        rng = self.rng
        values = [_value(kind, rng) for _, kind in self.params]
        text = fill(re.sub(r"\{(\d)\}", r"<\1>", rng.choice(self.entry["asks"])), rng)
        for place, value in enumerate(values):
            text = text.replace(f"<{place}>", str(value))
        text = text[:1].upper() + text[1:] if rng.random() < 0.7 else text
        asks = text.lower().startswith(("what", "how", "is", "will", "who"))
        text += rng.choice(["?", "?", ""]) if asks else rng.choice([".", "", ""])
        return text, {param: v for (param, _), v in zip(self.params, values, strict=True)}
