"""Makes tool-call examples: tools in the system message, a request, and the call in Phi-4-mini's form."""

import json
import random
from typing import Any, Protocol

from .expand import HERE, fill, read_toml
from .real_tools import RealTool
from .words import WORDS, city, is_held, name, phrase, word

_DATA = read_toml(HERE / "tools.toml")
SYSTEMS: list[str] = _DATA["systems"]
KINDS = ["place", "person", "text", "number", "choice", "id", "other"]
ASKING_VERBS = ("get", "find", "show", "check", "lookup", "fetch")


class Field:
    """A parameter of an invented tool."""

    def __init__(self, kind: str, rng: random.Random, held: bool) -> None:
        self.kind, self.rng, self.held = kind, rng, held
        self.choices: list[str] = []
        if kind == "choice":
            self.param, self.choices = rng.choice(list(_DATA["choices"].items()))
        else:
            self.param = word(rng, held) if kind == "other" else rng.choice(_DATA["params"][kind])
        self.value = self.new_value()

    def new_value(self) -> Any:
        """A value of the parameter's kind."""
        rng, held = self.rng, self.held
        if self.kind == "place":
            return city(rng, held)
        if self.kind == "person":
            return name(rng, held)
        if self.kind == "text":
            return phrase(rng, held, 5)
        if self.kind == "number":
            return rng.randint(1, 999 if rng.random() < 0.3 else 60)
        if self.kind == "id":
            return f"{word(rng, held)}{rng.choice(['-', '_', '', '.'])}{rng.randint(1, 999)}"
        return rng.choice(self.choices) if self.choices else word(rng, held)

    def schema(self, described: bool) -> dict[str, Any]:
        """The parameter as JSON schema."""
        made: dict[str, Any] = {"type": "integer" if self.kind == "number" else "string"}
        if self.choices:
            made["enum"] = self.choices
        if described:
            made["description"] = _DATA["describe"].get(self.kind, f"The {self.param}")
        return made


class AnyTool(Protocol):
    """A tool one can describe and ask for."""

    name: str

    def schema(self, style: float) -> dict[str, Any]:
        """The tool as it stands in the system message."""

    def ask(self) -> tuple[str, dict[str, Any]]:
        """A request in words, and the arguments it gives."""


class InventedTool:
    """A tool of a random verb and noun, and how people ask for it."""

    def __init__(self, rng: random.Random, held: bool) -> None:
        self.rng, self.verb, self.noun = rng, rng.choice(WORDS["tool_verbs"]), _noun(rng, held)
        words = [*self.verb.split("_"), self.noun]
        self.name = _join(words if rng.random() < 0.85 else [self.noun, self.verb], rng)
        kinds = rng.sample(KINDS, rng.choice((0, 1, 1, 1, 2, 2, 3)))
        if self.noun == "weather":
            kinds = ["place", "choice"][: rng.randint(1, 2)]
        fields: dict[str, Field] = {}
        for kind in kinds:
            field = Field(kind, rng, held)
            fields.setdefault(field.param, field)
        self.fields = list(fields.values())

    def schema(self, style: float) -> dict[str, Any]:
        """The tool as it stands in the system message."""
        properties = {f.param: f.schema(style < 0.7) for f in self.fields}
        says = f"{self.verb.replace('_', ' ').capitalize()} {self.rng.choice(['a', 'the'])} {self.noun}"
        parameters: dict[str, Any] = {"type": "object", "properties": properties}
        if style < 0.8 and properties:
            parameters["required"] = list(properties)
        return {
            "name": self.name,
            "description": says,
            "parameters": properties if style > 0.93 else parameters,
        }

    def _details(self, given: list[Field]) -> str:
        """The values in words."""
        said: list[str] = []
        alone = all(f.kind != "person" for f in given)
        for field in given:
            ways = _DATA["said"]["only place" if field.kind == "place" and alone else field.kind]
            said.append(self.rng.choice(ways).format(p=field.param, v=field.value))
        return " ".join(said)

    def _starts(self) -> list[str]:
        """The ways to begin a request; `{a}` is an article, `{x}` the details."""
        if self.rng.random() < 0.06:
            return [f"(use|call|run) {self.name} {{x}}", f"(use|call) the {self.name} tool {{x}}"]
        verb, noun = self.verb.replace("_", " "), self.noun
        polite = "(please|can you|could you|i want you to|i need to|i want to|now|)"
        starts = [f"{verb} {{a}} {noun} {{x}}"] * 2 + [f"{polite} {verb} {{a}} {noun} {{x}}"]
        if noun == "weather" or self.verb in ASKING_VERBS:
            starts += [f"what is the {noun} {{x}}", f"what is the {noun} like {{x}}"]
            starts += [f"(what's|how is|show me|give me|tell me) the {noun} {{x}}"]
        return starts

    def ask(self) -> tuple[str, dict[str, Any]]:
        """A request in words, and the arguments it gives."""
        rng = self.rng
        given = [f for f in self.fields if f.kind != "choice" or rng.random() < 0.7]
        rng.shuffle(given)
        start = rng.choice(self._starts()).replace("{a}", rng.choice(["the", "a", "the", "my", "a new"]))
        text = fill(start.replace("{x}", "\0"), rng).replace("\0", self._details(given))
        text = " ".join(text.split())
        text = text[:1].upper() + text[1:] if rng.random() < 0.7 else text
        asks = text.lower().startswith(("what", "how", "can", "could"))
        mark = "?" if asks else rng.choice([".", "", "", "!"])
        return text + mark, {f.param: f.value for f in self.fields if f in given}

    def again(self) -> None:
        """New values for the same parameters."""
        for field in self.fields:
            field.value = field.new_value()


def _noun(rng: random.Random, held: bool) -> str:
    """What a tool is about; held-out nouns never occur in training."""
    while True:
        noun = rng.choice(WORDS["tool_nouns"]) if rng.random() < 0.7 else word(rng, held)
        if is_held(noun) == held:
            return noun


def _join(parts: list[str], rng: random.Random) -> str:
    """Words as snake, camel or kebab case."""
    style = rng.random()
    if style < 0.7:
        return "_".join(parts)
    if style < 0.9:
        return parts[0] + "".join(p.title() for p in parts[1:])
    return "-".join(parts)


def tool_set(rng: random.Random, held: bool = False, most: int = 4) -> list[AnyTool]:
    """One to `most` tools that cannot be mistaken for each other."""
    tools: dict[str, AnyTool] = {}
    for _ in range(rng.choice((1, 1, 1, 2, 2, most))):
        if not held and rng.random() < 0.3:
            real = RealTool(rng)
            tools.setdefault(str(real.entry["says"]), real)
        else:
            invented = InventedTool(rng, held)
            tools.setdefault(invented.name, invented)
    return list(tools.values())


def system_with(tools: list[AnyTool], rng: random.Random) -> str:
    """The system message that lists the tools."""
    style = rng.random()
    separators = (",", ":") if rng.random() < 0.12 else (", ", ": ")
    listed = json.dumps([t.schema(style) for t in tools], separators=separators)
    return f"{rng.choice(SYSTEMS)}<|tool|>{listed}<|/tool|>"


def call_text(calls: list[dict[str, Any]]) -> str:
    """Calls as the assistant writes them."""
    return f"<|tool_call|>{json.dumps(calls, ensure_ascii=False)}<|/tool_call|>"


def tool_example(rng: random.Random, held: bool = False) -> tuple[str, str, list[dict[str, Any]]]:
    """A system message, a request and the calls it asks for."""
    tools = tool_set(rng, held)
    tool = rng.choice(tools)
    ask, arguments = tool.ask()
    calls = [{"name": tool.name, "arguments": arguments}]
    if isinstance(tool, InventedTool) and rng.random() < 0.08:
        tool.again()
        other, more = tool.ask()
        if more != arguments:
            ask = f"{ask.rstrip('.!?')} and {other[:1].lower()}{other[1:]}"
            calls.append({"name": tool.name, "arguments": more})
    return system_with(tools, rng), ask, calls


def result_example(rng: random.Random) -> tuple[dict[str, Any], str]:
    """What a tool returned, and the sentence that reports it."""
    values = (lambda: rng.randint(0, 500), lambda: phrase(rng, most=3), lambda: city(rng))
    fields = {word(rng): rng.choice(values)() for _ in range(rng.randint(1, 3))}
    return fields, "The result is: " + ", ".join(f"{k} {v}" for k, v in fields.items()) + "."
