"""The grammar of tool calls: exactly the given tools, their arguments by their schemas, in the model's own form."""

import json
import re
from collections.abc import Mapping
from typing import Any

from spark_engine.backends.vocabulary import SpecialToken
from spark_engine.runner.grammar_schema import ONE_LINE, check_schema, closed
from spark_engine.runner.grammar_source import HEAD, json_rule, quoted
from spark_engine.runner.tool_styles import ToolStyle
from spark_engine.types.chat import Tool

MOST_CALLS = 32
_SPACE = r"[ \n\r\t]{0,8}"
_ANY = {"type": "object"}


class ToolRules:
    """Writes the rules of some tools' calls. `schemas`: what the arguments of each have to be, as Lark rules."""

    def __init__(
        self,
        style: ToolStyle,
        schemas: list[tuple[str, str]],
        special: Mapping[str, SpecialToken],
        *,
        parallel: bool,
    ) -> None:
        self._style, self._schemas, self._special = style, schemas, special
        self._more = MOST_CALLS - 1 if parallel else 0

    def required(self) -> str:
        """Calls from the first token on, just as the model has learnt to write them."""
        return f"{HEAD}start: calls\n{self._strict()}"

    def beside(self, answer: str) -> str:
        """Either calls or an answer of a grammar of its own."""
        main = f"{HEAD}start: @answer | calls\n{self._strict()}"
        grammars = [{"name": "main", "lark_grammar": main}, {"name": "answer", "lark_grammar": answer}]
        return json.dumps({"grammars": grammars})

    def opened(self) -> str:
        """What may follow an opener, or begin an answer that is a bare call: white space and both keys are free."""
        style = self._style
        closer = f"(WS? {self._mark(style.closer.strip())})?" if style.closer else ""
        again = self._again(f"{self._mark(style.opener.strip())} WS? call {closer}")
        more = self._repeated(f"/{_SPACE},{_SPACE}/ call")
        lines = [
            f"start: WS? (array {closer} | call {closer} {again})",
            "WS: /[ \\n\\r\\t]{1,8}/",
            f"array: /\\[{_SPACE}/ call {more} /{_SPACE}\\]/",
            *self._calls(loose=True),
        ]
        return HEAD + "\n".join(lines) + "\n"

    def _strict(self) -> str:
        style = self._style
        if style.is_array:
            more = self._repeated('", " call')
            line = f'calls: {self._mark(style.opener)} "[" call {more} "]" {self._mark(style.closer)}'
        else:
            line = f"calls: marked {self._again('marked')}"
        marked = f"marked: {self._mark(style.opener)} call {self._mark(style.closer)}"
        return "\n".join((line, marked, *self._calls(loose=False))) + "\n"

    def _again(self, call: str) -> str:
        """Further calls with marks of their own, where the form has them."""
        if self._style.repeats is None:
            return ""
        between = quoted(self._style.repeats) if self._style.repeats else ""
        return self._repeated(f"{between} {call}")

    def _repeated(self, rules: str) -> str:
        return f"({rules}){{0,{self._more}}}" if self._more else ""

    def _calls(self, *, loose: bool) -> list[str]:
        """The rules of single calls, one for each tool."""
        rules = [f"call: {' | '.join(f'call_{n}' for n in range(len(self._schemas)))}"]
        for number, (name, schema) in enumerate(self._schemas):
            before, after = self._loose(name) if loose else self._exact(name)
            rules.append(f"call_{number}: {before} {schema} {after}")
        return rules

    def _exact(self, name: str) -> tuple[str, str]:
        style = self._style
        between = style.between if self._special.get(style.between) is None else ""
        before = quoted(style.before + _written(style, name) + between)
        if not between:
            before += " " + self._mark(style.between)
        return before, quoted(style.after) if style.after else ""

    def _loose(self, name: str) -> tuple[str, str]:
        if self._style.key is None:
            return self._exact(name)
        parts = ("{", '"name"', ":", json.dumps(name), ",", "KEY", ":")
        head = _SPACE.join(map(re.escape, parts)).replace("KEY", '"(arguments|parameters)"')
        head = head.replace("/", r"\/")
        return f"/{head}{_SPACE}/", f"/{_SPACE}\\}}/"

    def _mark(self, text: str) -> str:
        """A mark: a special token where it is one, with the white space around it as text."""
        core = text.strip()
        if core not in self._special:
            return quoted(text) if text else ""
        left, right = text.split(core)
        around = (
            quoted(left) if left else "",
            f"<[{self._special[core].id}]>",
            quoted(right) if right else "",
        )
        return " ".join(part for part in around if part)


def arguments_rule(tool: Tool, param: str, *, lenient: bool) -> str:
    """A tool's arguments as a rule; InvalidRequest when its schema is too large or none."""
    check_schema(tool.parameters, param)
    schema: dict[str, Any] = closed(tool.parameters)
    return json_rule(schema, ONE_LINE, lenient=lenient)


def any_arguments() -> str:
    """Any JSON object, for tools whose schema cannot be understood at all."""
    return json_rule(_ANY, ONE_LINE)


def _written(style: ToolStyle, name: str) -> str:
    """A name as it stands in a call: inside JSON, unless the form has none there."""
    return name if style.key is None else json.dumps(name, ensure_ascii=False)[1:-1]
