"""Makes tool-call examples: tools in the system message, a request, and the call in Phi-4-mini's form."""

import json
import random
from typing import Any

from .expand import fill
from .words import city, is_held, name, phrase, word

Field = tuple[str, str, str, Any]  # parameter, JSON type, description, value
VERBS = """get set create delete send find search update open close start stop list show add remove book play read
write check turn_on turn_off call lookup fetch order cancel schedule convert track translate rename move copy print
share pause calculate save notify remind measure export import enable disable""".split()
NOUNS = """weather light alarm email message note task event song flight hotel ticket file folder report invoice
order contact user meeting reminder timer room door price stock package recipe map route photo video document page
account balance payment customer product printer camera thermostat heater lamp fan playlist appointment train bus taxi
table server database backup log job build branch issue comment game score movie book review survey poll
channel group member device sensor battery window garage garden pump oven fridge washer robot drone car bike
parking station currency exchange loan card coupon gift basket shelf warehouse shipment label""".split()
SYSTEMS = ["You are a helpful assistant with some tools.", "You are a helpful assistant.", "", "You are a helpful assistant with these tools.",
           "Use the tools when needed.", "You can call functions.", "You are an assistant that uses tools."]


def _noun(rng: random.Random, held: bool) -> str:
    """What a tool is about; held-out nouns never occur in training."""
    while True:
        noun = rng.choice(NOUNS) if rng.random() < 0.7 else word(rng, held)
        if is_held(noun) == held:
            return noun


def _join(parts: list[str], rng: random.Random) -> str:
    """Words as snake, camel, kebab or run together."""
    style = rng.random()
    if style < 0.7:
        return "_".join(parts)
    if style < 0.9:
        return parts[0] + "".join(p.title() for p in parts[1:])
    return "-".join(parts)


def _field(kind: str, rng: random.Random, held: bool) -> Field:
    """A parameter of the kind with a value."""
    what = rng.choice
    if kind == "place":
        return what(["city", "location", "place", "town", "destination"]), "string", "Name of the city", city(rng, held)
    if kind == "person":
        return what(["to", "recipient", "person", "name", "user", "contact"]), "string", "Name of the person", name(rng, held)
    if kind == "text":
        return what(["text", "message", "content", "body", "query", "title", "subject", "note"]), "string", "The text", phrase(rng, held, 5)
    if kind == "number":
        return what(["amount", "count", "minutes", "level", "number", "quantity", "limit", "days", "percent"]), "integer", "How many", rng.randint(1, 999 if rng.random() < 0.3 else 60)
    if kind == "choice":
        name_, values = what([("unit", ["celsius", "fahrenheit"]), ("color", ["red", "green", "blue", "white"]), ("mode", ["fast", "slow", "auto"]),
                              ("size", ["small", "medium", "large"]), ("priority", ["low", "normal", "high"]), ("day", ["monday", "tuesday", "friday", "sunday"])])
        return name_, "enum:" + ",".join(values), f"The {name_}", what(values)
    if kind == "id":
        return what(["id", "code", "file", "path", "key"]), "string", "Identifier", f"{word(rng, held)}{what(['-', '_', '', '.'])}{rng.randint(1, 999)}"
    return word(rng, held), "string", "A value", word(rng, held)


SAID = {
    "place": ["in {v}", "in {v}", "at {v}", "from {v}", "with {p} {v}"], "person": ["to {v}", "for {v}", "to {v}", "with {p} {v}"],
    "only place": ["in {v}", "for {v}", "in {v}", "at {v}", "to {v}", "near {v}"],
    "text": ["saying {v}", "with the text {v}", 'with the {p} "{v}"', 'that says "{v}"', "about {v}", "{p}: {v}", "'{v}'"],
    "number": ["with {p} {v}", "{p} {v}", "{v} {p}", "for {v} {p}", "with a {p} of {v}"],
    "choice": ["in {v}", "{p} {v}", "with {p} {v}", "as {v}"], "id": ["{v}", "with {p} {v}", "{p} {v}", "number {v}"],
    "other": ["with {p} {v}", "{p} {v}", "{p} = {v}", "where {p} is {v}", "with the {p} {v}"],
}


class Tool:
    """One invented tool: its name, its parameters and how people ask for it."""

    def __init__(self, rng: random.Random, held: bool) -> None:
        self.verb, self.noun = rng.choice(VERBS), _noun(rng, held)
        self.rng, self.held = rng, held
        self.name = _join([*self.verb.split("_"), self.noun] if rng.random() < 0.85 else [self.noun, self.verb], rng)
        kinds = rng.sample(["place", "person", "text", "number", "choice", "id", "other"], rng.choice((0, 1, 1, 1, 2, 2, 3)))
        if self.noun == "weather":
            kinds = ["place", "choice"][: rng.randint(1, 2)]
        fields: dict[str, tuple[str, Field]] = {}
        for kind in kinds:
            field = _field(kind, rng, held)
            fields.setdefault(field[0], (kind, field))
        self.fields = list(fields.values())

    def schema(self, style: float) -> dict[str, Any]:
        """The tool as it stands in the system message."""
        properties: dict[str, Any] = {}
        for _, (param, kind, says, _) in self.fields:
            properties[param] = {"type": "string" if kind.startswith("enum") else kind}
            if kind.startswith("enum"):
                properties[param]["enum"] = kind[5:].split(",")
            if style < 0.7:
                properties[param]["description"] = says
        description = f"{self.verb.replace('_', ' ').capitalize()} {self.rng.choice(['a', 'the'])} {self.noun}"
        parameters: dict[str, Any] = {"type": "object", "properties": properties}
        if style < 0.8 and properties:
            parameters["required"] = [f[1][0] for f in self.fields]
        if style > 0.93:
            parameters = properties
        return {"name": self.name, "description": description, "parameters": parameters}

    def ask(self) -> tuple[str, dict[str, Any]]:
        """A request in words, and the arguments it gives."""
        rng = self.rng
        given = [f for f in self.fields if f[0] != "choice" or rng.random() < 0.7]
        rng.shuffle(given)
        alone = "person" not in {kind for kind, _ in given}
        ways = [SAID["only place" if kind == "place" and alone else kind] for kind, _ in given]
        said = " ".join(rng.choice(w).format(p=f[0], v=f[3]) for w, (_, f) in zip(ways, given, strict=True))
        verb = self.verb.replace("_", " ")
        starts = [f"{verb} {{a}} {self.noun} {said}", f"{verb} {{a}} {self.noun} {said}", f"(please|can you|could you|i want you to|i need to|i want to|now|) {verb} {{a}} {self.noun} {said}"]
        if self.noun == "weather" or self.verb in ("get", "find", "show", "check", "lookup", "fetch"):
            starts += [f"what is the {self.noun} {said}", f"(what's|how is|show me|give me|tell me) the {self.noun} {said}", f"what is the {self.noun} like {said}"]
        if rng.random() < 0.06:
            starts = [f"(use|call|run) {self.name} {said}", f"(use|call) the {self.name} tool {said}"]
        held_said = rng.choice(starts).replace(said, "\0") if said else rng.choice(starts)
        text = fill(held_said.replace("{a}", rng.choice(["the", "a", "the", "my", "a new"])), rng).replace("\0", said)
        text = " ".join(text.split())
        text = text[:1].upper() + text[1:] if rng.random() < 0.7 else text
        mark = "?" if text.lower().startswith(("what", "how", "can", "could")) else rng.choice([".", "", "", "!"])
        order = [f[1][0] for f in self.fields]
        values = {f[1][0]: f[1][3] for f in given}
        return text + mark, {p: values[p] for p in order if p in values}

    def again(self) -> None:
        """New values for the same parameters."""
        for i, (kind, old) in enumerate(self.fields):
            new = _field(kind, self.rng, self.held)
            value = self.rng.choice(old[1][5:].split(",")) if kind == "choice" else new[3]
            self.fields[i] = (kind, (old[0], old[1], old[2], value))


def tool_set(rng: random.Random, held: bool, most: int = 4) -> list[Tool]:
    """One to `most` tools with different names."""
    tools: dict[str, Tool] = {}
    for _ in range(rng.choice((1, 1, 2, 2, 3, most))):
        tool = Tool(rng, held)
        tools.setdefault(tool.name, tool)
    return list(tools.values())


def system_with(tools: list[Tool], rng: random.Random) -> str:
    """The system message that lists the tools."""
    style = rng.random()
    listed = json.dumps([t.schema(style) for t in tools], separators=(",", ":") if rng.random() < 0.12 else (", ", ": "))
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
    if rng.random() < 0.08:
        tool.again()
        other, more = tool.ask()
        if more != arguments:
            ask = f"{ask.rstrip('.!?')} and {other[:1].lower()}{other[1:]}"
            calls.append({"name": tool.name, "arguments": more})
    return system_with(tools, rng), ask, calls


def result_example(rng: random.Random) -> tuple[dict[str, Any], str]:
    """What a tool returned, and the sentence that reports it."""
    fields = {word(rng): rng.choice((rng.randint(0, 500), phrase(rng, most=3), city(rng))) for _ in range(rng.randint(1, 3))}
    return fields, "The result is: " + ", ".join(f"{k} {v}" for k, v in fields.items()) + "."
