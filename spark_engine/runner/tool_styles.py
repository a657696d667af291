"""How models write tool calls: one table, and which of its forms a model has learnt."""

import hashlib
import json
from collections.abc import Container
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.types.ids import fresh_id

Key = Literal["arguments", "parameters"]


class ToolStyle(Struct, frozen=True):
    """One form. A call is `before` name `between` arguments `after`. `opener` and `closer` stand around one call, or
    around a list of calls with `is_array`; with `repeats` between them, further calls follow, each with its marks.

    `key` is None where the arguments have no name. `others`: texts after which models of this form also call (a
    bracket at their end is already part of the call). `leads`: what may stand before a call at the beginning of an
    answer, but also before other things. `id_length`: ids of calls are so many letters and digits, no more.
    """

    name: str
    opener: str = ""
    closer: str = ""
    before: str = '{"name": "'
    key: Key | None = "arguments"
    after: str = "}"
    is_array: bool = False
    repeats: str | None = None
    others: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    id_length: int | None = None

    @property
    def between(self) -> str:
        """What stands between name and arguments."""
        return "[ARGS]" if self.key is None else f'", "{self.key}": '

    @property
    def openers(self) -> tuple[str, ...]:
        """Texts after which a call must follow."""
        return (self.opener.strip(), *self.others) if self.opener else self.others

    @property
    def marks(self) -> tuple[str, ...]:
        """Texts that are special tokens in some vocabularies, and parts of what the model says nevertheless."""
        return tuple(mark for mark in (*self.openers, self.closer.strip(), "[ARGS]") if mark)

    def new_id(self) -> str:
        """An id for a call, as the model's template wants them."""
        fresh = fresh_id("call")
        return fresh if self.id_length is None else fresh[-self.id_length :]

    def known_id(self, id: str) -> str:
        """The id of an earlier call, as the model's template wants them."""
        if self.id_length is None or (len(id) == self.id_length and id.isalnum()):
            return id
        return hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()[: self.id_length]

    def written(self, calls: list[tuple[str, object]]) -> str:
        """Calls with their marks; of each its name and its arguments."""
        each = [f"{self.before}{name}{self.between}{_json(given)}{self.after}" for name, given in calls]
        if self.is_array:
            return f"{self.opener}[{', '.join(each)}]{self.closer}"
        return (self.repeats or "\n").join(f"{self.opener}{call}{self.closer}" for call in each)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


PHI = ToolStyle("phi", "<|tool_call|>", "<|/tool_call|>", is_array=True, others=("functools[",))
HERMES = ToolStyle("hermes", "<tool_call>\n", "\n</tool_call>", repeats="\n")
MISTRAL = ToolStyle("mistral", "[TOOL_CALLS]", is_array=True, id_length=9)
MISTRAL_ARGS = ToolStyle(
    "mistral-args", "[TOOL_CALLS]", before="", key=None, after="", repeats="", id_length=9
)
LLAMA = ToolStyle("llama", key="parameters", others=("<|python_tag|>",))
GEMMA = ToolStyle("gemma", "```tool_code\n", "\n```", key="parameters", leads=("```json",))


def style_of(special: Container[str], template: str, *, knows_tools: bool) -> ToolStyle:
    """The form of a model, by its special tokens and its template. Those whose template is silent get Gemma's."""

    def has(mark: str) -> bool:
        return mark in special or mark in template

    if "<|tool_call|>" in special and "<|/tool_call|>" in special:
        return PHI
    if has("[TOOL_CALLS]"):
        spaced = replace(MISTRAL, opener="[TOOL_CALLS] ") if "[TOOL_CALLS] [" in template else MISTRAL
        return MISTRAL_ARGS if has("[ARGS]") else spaced
    if has("<tool_call>"):
        return HERMES
    if has("<|python_tag|>") or (knows_tools and '"parameters"' in template):
        return LLAMA
    return GEMMA
