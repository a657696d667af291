"""What the tools of a request mean for its answer: which tokens may come, and how the calls are read."""

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import InvalidRequest
from spark_engine.runner.grammar import Grammars
from spark_engine.runner.grammar_mask import Constraint
from spark_engine.runner.grammar_source import source_of
from spark_engine.runner.tool_grammar import ToolRules, any_arguments, arguments_rule
from spark_engine.runner.tool_reader import ToolReader
from spark_engine.runner.tool_styles import ToolStyle
from spark_engine.runner.tool_watch import ToolWatch
from spark_engine.types.chat import ChatPrompt, Tool
from spark_engine.types.generation import Grammar

_MOST_KNOWN = 1024


class _Offered(NamedTuple):
    """A tool that may be called, and its place in the request."""

    param: str
    tool: Tool

    def must(self, needs_call: bool) -> bool:
        """Whether its calls have to fit its schema, or the request is refused."""
        return needs_call if self.tool.strict is None else self.tool.strict


class AnswerRules(Struct, frozen=True):
    """How one answer is made and read. `piece` gives the bytes of its tokens, marks of calls included."""

    piece: Callable[[int], bytes]
    constraint: Constraint | None = None
    reader: ToolReader | None = None


class ToolUse:
    """The tools of one model's requests."""

    def __init__(self, vocabulary: Vocabulary, style: ToolStyle, grammars: Grammars) -> None:
        self._vocabulary, self._style, self._grammars = vocabulary, style, grammars
        self._known: dict[str, str] = {}
        special = vocabulary.special
        self._marks = {special[m].id: m.encode() for m in style.marks if m in special}

    def rules(self, prompt: ChatPrompt, grammar: Grammar | None) -> AnswerRules:
        """The rules of an answer to a prompt with tools; InvalidRequest when they cannot be kept."""
        offered = _offered(prompt)
        reader = ToolReader(self._style, [o.tool.name for o in offered])
        return AnswerRules(self.piece, self._constraint(prompt, offered, grammar), reader)

    def piece(self, token: int) -> bytes:
        """The bytes of a token; marks of calls are shown."""
        return self._marks.get(token) or self._vocabulary.piece(token)

    def _constraint(
        self, prompt: ChatPrompt, offered: list[_Offered], grammar: Grammar | None
    ) -> Constraint | None:
        """The first that works: every schema to the letter; each as far as it can be; none, if no call is required."""
        answer = None if grammar is None else self._checked(grammar)
        needs_call = prompt.choice.required or prompt.choice.name is not None
        try:
            return self._compiled(prompt, [_strict_rule(o) for o in offered], answer)
        except InvalidRequest as refusal:
            rules = [self._understood(o, must=o.must(needs_call)) for o in offered]
            try:
                return self._compiled(prompt, rules, answer)
            except InvalidRequest:
                if needs_call or grammar is not None:
                    raise refusal from None
                return None

    def _compiled(self, prompt: ChatPrompt, rules: list[tuple[str, str]], answer: str | None) -> Constraint:
        choice = prompt.choice
        written = ToolRules(self._style, rules, self._vocabulary.special, parallel=choice.parallel)
        if choice.required or choice.name is not None:
            return self._grammars.mask(written.required(), "tools")
        if answer is not None:
            return self._grammars.mask(written.beside(answer), "tools")
        opened = self._grammars.matcher(written.opened(), "tools")
        reader = ToolReader(self._style, [name for name, _ in rules])
        return ToolWatch(self._grammars, opened, reader, self.piece)

    def _checked(self, grammar: Grammar) -> str:
        source = source_of(grammar)
        self._grammars.matcher(source, grammar.param)
        return source

    def _understood(self, offered: _Offered, *, must: bool) -> tuple[str, str]:
        """A tool with the strictest rule for its arguments that can be kept; InvalidRequest when it must be strict."""
        name, strict = _strict_rule(offered)
        if (known := self._known.get(strict)) is not None and not must:
            return name, known
        rule = any_arguments()
        for attempt in (strict, arguments_rule(offered.tool, offered.param, lenient=True)):
            try:
                self._grammars.matcher("start: " + attempt, f"{offered.param}.function.parameters")
            except InvalidRequest:
                if must:
                    raise
                continue
            rule = attempt
            break
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[strict] = rule
        return name, rule


def _offered(prompt: ChatPrompt) -> list[_Offered]:
    """The tools that may be called."""
    named = prompt.choice.name
    every = (_Offered(f"tools[{place}]", tool) for place, tool in enumerate(prompt.tools))
    found = [offered for offered in every if named is None or offered.tool.name == named]
    if not found:
        raise InvalidRequest(
            "unknown_tool", "No such tool", "tool_choice names a tool that is not given.", param="tool_choice"
        )
    return found


def _strict_rule(offered: _Offered) -> tuple[str, str]:
    return offered.tool.name, arguments_rule(offered.tool, offered.param, lenient=False)
