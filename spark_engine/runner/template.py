"""A model's own chat template, rendered as hostile input: sandboxed, and bounded in size and time.

The template may compute, but not allocate: every operation that can make text or numbers much larger than its
input is either left out or checked before it runs, and a watchdog ends what takes too long.
"""

import ctypes
import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from jinja2 import Template, TemplateError

from spark_engine.errors import InvalidRequest, SparkError
from spark_engine.runner.template_sandbox import OutputTooLarge, TemplateRefusal, sandbox

MAX_SOURCE = 64 * 1024
TIME_LIMIT_S = 2.0
_T = TypeVar("_T")


class ChatTemplate:
    """A compiled chat template. SparkError `bad_template` when it is none, or too large."""

    def __init__(self, source: str) -> None:
        if len(source.encode(errors="replace")) > MAX_SOURCE:
            raise _bad(f"It is larger than {MAX_SOURCE // 1024} KB.")
        try:
            self._template: Template = _within_limit(lambda: sandbox().from_string(source))
        except (TemplateError, RecursionError, OverflowError, SyntaxError) as error:
            raise _bad(_told(error)) from error
        except _TookTooLong as error:
            raise _bad("It takes too long to read.") from error

    def render(
        self,
        messages: list[dict[str, object]],
        tools: list[dict[str, object]] | None,
        variables: Mapping[str, str],
    ) -> str:
        """The conversation as text, ready for the answer. InvalidRequest when the template refuses it."""
        given = {**variables, "messages": messages, "tools": tools, "add_generation_prompt": True}
        try:
            return _within_limit(lambda: self._template.render(given))
        except TemplateRefusal as error:
            raise _refused(str(error)) from error
        except _TookTooLong as error:
            raise _failed(f"it took longer than {TIME_LIMIT_S:g} s") from error
        except OutputTooLarge as error:
            raise _failed("its output became too large") from error
        except Exception as error:
            raise _failed(_told(error)) from error


class _TookTooLong(BaseException):
    """Raised inside a rendering by the watchdog; no template can catch it."""


def _within_limit(work: Callable[[], _T]) -> _T:
    """Do `work` on a thread of its own; `_TookTooLong` when it has not ended in time.

    The interpreter raises the exception between two instructions of that thread, on every platform.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="template", daemon=True)
    thread.start()
    thread.join(TIME_LIMIT_S)
    if thread.is_alive() and thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(_TookTooLong)
        )
        thread.join(TIME_LIMIT_S)
        raise _TookTooLong
    if errors:
        raise errors[0]
    return results[0]


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
