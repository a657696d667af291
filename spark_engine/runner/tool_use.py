"""What the tools of a request mean for its answer: which tokens may come, and how the calls are read."""

from time import monotonic
from typing import NamedTuple

from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import InvalidRequest
from spark_engine.runner.grammar import Grammars
from spark_engine.runner.grammar_compile import too_complex
from spark_engine.runner.grammar_form import Form, Make
from spark_engine.runner.grammar_source import source_of
from spark_engine.runner.tool_grammar import ToolRules, any_arguments, arguments_rule
from spark_engine.runner.tool_reader import ToolReader
from spark_engine.runner.tool_styles import ToolStyle
from spark_engine.runner.tool_watch import ToolWatch
from spark_engine.types.chat import ChatPrompt, Tool, ToolChoice
from spark_engine.types.generation import Grammar

_MOST_KNOWN = 1024
TOGETHER_S = 5.0
"""So long the tools of one request are looked at one by one."""


class _Offered(NamedTuple):
    """A tool that may be called, and its place in the request."""

    param: str
    tool: Tool

    def must(self, needs_call: bool) -> bool:
        """Whether its calls have to fit its schema, or the request is refused."""
        return needs_call if self.tool.strict is None else self.tool.strict


class ToolUse:
    """The tools of one model's requests."""

    def __init__(self, vocabulary: Vocabulary, style: ToolStyle, grammars: Grammars) -> None:
        self._vocabulary, self._style, self._grammars = vocabulary, style, grammars
        self._known: dict[str, str] = {}
        special = vocabulary.special
        self._marks = {special[m].id: m.encode() for m in style.marks if m in special}

    def reader(self, prompt: ChatPrompt) -> ToolReader:
        """Reads an answer to a prompt with tools; InvalidRequest when its choice is none of them."""
        return ToolReader(self._style, [o.tool.name for o in _offered(prompt.tools, prompt.choice)])

    def piece(self, token: int) -> bytes:
        """The bytes of a token; marks of calls are shown."""
        return self._marks.get(token) or self._vocabulary.piece(token)

    def compile(self, form: Form) -> Make:
        """The first that works: every schema to the letter; each as far as it can be; none, if no call is required.

        InvalidRequest when the form cannot be kept.
        """
        offered = _offered(form.tools, form.choice)
        answer = None if form.grammar is None else self._checked(form.grammar)
        needs_call = form.choice.required or form.choice.name is not None
        try:
            return self._compiled(form.choice, [_strict_rule(o) for o in offered], answer)
        except InvalidRequest as refusal:
            until = monotonic() + TOGETHER_S
            rules = [self._understood(o, must=o.must(needs_call), until=until) for o in offered]
            try:
                return self._compiled(form.choice, rules, answer)
            except InvalidRequest:
                if needs_call or answer is not None:
                    raise refusal from None
                return lambda: None

    def _compiled(self, choice: ToolChoice, rules: list[tuple[str, str]], answer: str | None) -> Make:
        written = ToolRules(self._style, rules, self._vocabulary.special, parallel=choice.parallel)
        if choice.required or choice.name is not None:
            return self._grammars.maker(written.required(), "tools")
        if answer is not None:
            return self._grammars.maker(written.beside(answer), "tools")
        opened = self._grammars.matcher(written.opened(), "tools")
        names = [name for name, _ in rules]
        return lambda: ToolWatch(self._grammars, opened, ToolReader(self._style, names), self.piece)

    def _checked(self, grammar: Grammar) -> str:
        source = source_of(grammar)
        self._grammars.matcher(source, grammar.param)
        return source

    def _understood(self, offered: _Offered, *, must: bool, until: float) -> tuple[str, str]:
        """A tool with the strictest rule for its arguments that can be kept; InvalidRequest when it must be strict.

        After `until`, a time of the monotonic clock, only what is known is looked up.
        """
        name, strict = _strict_rule(offered)
        if (known := self._known.get(strict)) is not None and not must:
            return name, known
        if monotonic() > until:
            if must:
                raise too_complex(f"The tools were not understood within {TOGETHER_S:g} s.", "tools")
            return name, any_arguments()
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


def _offered(tools: tuple[Tool, ...], choice: ToolChoice) -> list[_Offered]:
    """The tools that may be called; InvalidRequest when the chosen one is not given."""
    named = choice.name
    every = (_Offered(f"tools[{place}]", tool) for place, tool in enumerate(tools))
    found = [offered for offered in every if named is None or offered.tool.name == named]
    if not found:
        raise InvalidRequest(
            "unknown_tool", "No such tool", "tool_choice names a tool that is not given.", param="tool_choice"
        )
    return found


def _strict_rule(offered: _Offered) -> tuple[str, str]:
    return offered.tool.name, arguments_rule(offered.tool, offered.param, lenient=False)
