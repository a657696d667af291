"""A model's own chat template, rendered as hostile input: sandboxed, and bounded in size and time.

The template may compute, but not allocate: every operation that can make text or numbers much larger than its
input is either left out or checked before it runs, and a watchdog ends what takes too long.
"""

import re
from collections.abc import Mapping

from jinja2 import Template, TemplateError

from spark_engine.errors import InvalidRequest, SparkError
from spark_engine.runner.template_sandbox import OutputTooLarge, TemplateRefusal, sandbox
from spark_engine.runner.time_limit import TookTooLong, within

MAX_SOURCE = 64 * 1024
TIME_LIMIT_S = 2.0
_KNOWS_TOOLS = re.compile(r"\btools\b")


class ChatTemplate:
    """A compiled chat template. SparkError `bad_template` when it is none, or too large."""

    def __init__(self, source: str) -> None:
        self.source = source
        if len(source.encode(errors="replace")) > MAX_SOURCE:
            raise _bad(f"It is larger than {MAX_SOURCE // 1024} KB.")
        try:
            self._template: Template = within(TIME_LIMIT_S, lambda: sandbox().from_string(source))
        except (TemplateError, RecursionError, OverflowError, SyntaxError) as error:
            raise _bad(_told(error)) from error
        except TookTooLong as error:
            raise _bad("It takes too long to read.") from error

    @property
    def knows_tools(self) -> bool:
        """Whether the template itself tells the model of its tools."""
        return _KNOWS_TOOLS.search(self.source) is not None

    def render(
        self,
        messages: list[dict[str, object]],
        tools: list[dict[str, object]] | None,
        variables: Mapping[str, str],
    ) -> str:
        """The conversation as text, ready for the answer. InvalidRequest when the template refuses it."""
        given = {**variables, "messages": messages, "tools": tools, "add_generation_prompt": True}
        try:
            return within(TIME_LIMIT_S, lambda: self._template.render(given))
        except TemplateRefusal as error:
            raise _refused(str(error)) from error
        except TookTooLong as error:
            raise _failed(f"it took longer than {TIME_LIMIT_S:g} s") from error
        except OutputTooLarge as error:
            raise _failed("its output became too large") from error
        except Exception as error:
            raise _failed(_told(error)) from error


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"


def _bad(message: str) -> SparkError:
    return SparkError(
        "bad_template",
        "The model's chat template cannot be used",
        message,
        "Download the model again, or use a variant from another source.",
    )


def _refused(message: str) -> InvalidRequest:
    text = f"The model's chat template says: {message[:300]}"
    return InvalidRequest(
        "template_refused", "The model does not take these messages", text, param="messages"
    )


def _failed(reason: str) -> InvalidRequest:
    return InvalidRequest(
        "template_failed",
        "The model's chat template failed",
        f"These messages could not be put into the model's form: {reason}.",
        "Try other messages, or another variant of the model.",
        param="messages",
    )
