"""Compiles grammars as hostile input: on a thread with room for deep recursion, and never for longer than moments."""

import threading
from collections.abc import Callable

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from spark_engine.errors import InvalidRequest, Unavailable
from spark_engine.runner.time_limit import TookTooLong, Unfinished, within

TIME_LIMIT_S = 4.0
"""By the clock. The largest schemas need a second of a processor that is busy with steps too."""
STACK_BYTES = 256 * 1024 * 1024
"""Reserved, not used: the library follows chains of rules by recursion, and would end the process."""
MOST_UNFINISHED = 2
"""Compilations that may go on after they were given up."""
_unfinished: list[threading.Thread] = []


def limits() -> LLParserLimits:
    """What one grammar may cost. Errors say nothing of the text around them."""
    return LLParserLimits(max_lexer_states=50_000, verbose_errors=False)


def compile_grammar(tokens: LLTokenizer, source: str, param: str) -> LLMatcher:
    """A matcher at the beginning of its grammar; InvalidRequest when there is no such grammar, or a too costly one."""
    return within_limit(lambda: _compile(tokens, source, param), param)


def within_limit(work: Callable[[], LLMatcher], param: str) -> LLMatcher:
    """Do `work` in bounded time; InvalidRequest for whatever the library says against it."""
    _unfinished[:] = [thread for thread in _unfinished if thread.is_alive()]
    if len(_unfinished) >= MOST_UNFINISHED:
        raise _busy()
    try:
        return within(TIME_LIMIT_S, work, stack_bytes=STACK_BYTES)
    except InvalidRequest:
        raise
    except TookTooLong as error:
        if isinstance(error, Unfinished):
            _unfinished.append(error.thread)
        raise too_complex(f"It was not understood within {TIME_LIMIT_S:g} s.", param) from None
    except BaseException as error:  # a panic of the library is no Exception
        raise bad_grammar(str(error), param) from error


def _compile(tokens: LLTokenizer, source: str, param: str) -> LLMatcher:
    matcher = LLMatcher(tokens, source, log_level=0, limits=limits())
    if matcher.is_error():
        raise bad_grammar(matcher.get_error(), param)
    matcher.compute_bitmask()  # some grammars turn out to be impossible at their first token only
    if matcher.is_error():
        raise bad_grammar(matcher.get_error(), param)
    return matcher


def bad_grammar(reason: str, param: str) -> InvalidRequest:
    """The refusal of a grammar, by the first line of what the library says."""
    line = (reason.strip().splitlines() or ["it cannot be compiled"])[0][:200].rstrip(".: ")
    return InvalidRequest(
        "bad_grammar",
        "The grammar cannot be used",
        f"It cannot be turned into rules for tokens: {line}.",
        "Correct or simplify it. Regular expressions are those of Rust, other grammars Lark's or GBNF's.",
        param=param,
    )


def _busy() -> Unavailable:
    text = f"{MOST_UNFINISHED} grammars that are too complex are still being worked on."
    return Unavailable("grammars_busy", "No grammar can be read now", text, "Try again in a moment.")


def too_complex(message: str, param: str) -> InvalidRequest:
    """The refusal of a grammar that costs too much."""
    return InvalidRequest(
        "grammar_too_complex", "The grammar is too complex", message, "Make it simpler.", param=param
    )
