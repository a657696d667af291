"""Compiles the forms of answers on a thread beside the main loop: each once, one after the other."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from spark_engine.errors import SparkError
from spark_engine.runner.grammar import KEPT
from spark_engine.runner.grammar_form import Form, Make

log = logging.getLogger(__name__)


class GrammarQueue:
    """The forms of one model's answers. The library releases the interpreter's lock while it compiles: steps go on.

    `compile` runs on the thread only; `ready` is called when one is done, on any thread. The last KEPT are kept:
    whoever wants one of them again does not wait.
    """

    def __init__(self, compile: Callable[[Form], Make], ready: Callable[[], None]) -> None:
        self._compile, self._ready = compile, ready
        self._thread = ThreadPoolExecutor(1, "grammars")
        self._kept: OrderedDict[bytes, Future[Make]] = OrderedDict()

    def rules(self, form: Form) -> Future[Make]:
        """The rules of a form; done when they are known, else begun. SparkError is what it fails with."""
        key = form.key
        future = self._kept.pop(key, None)
        if future is None or _is_lost(future):
            future = self._thread.submit(self._guarded, form)
            future.add_done_callback(lambda _: self._ready())
        self._kept[key] = future
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return future

    def _guarded(self, form: Form) -> Make:
        try:
            return self._compile(form)
        except SparkError:
            raise
        except Exception as error:  # one odd schema must not cost the other sequences
            log.error("a grammar could not be compiled", exc_info=error)
            raise SparkError(
                "grammar_failed",
                "The grammar cannot be used",
                f"It could not be compiled ({type(error).__name__}).",
                "Simplify it, or leave it out.",
            ) from error


def _is_lost(future: Future[Make]) -> bool:
    """Whether it was given up, or refused: that is remembered where grammars are compiled."""
    return future.done() and (future.cancelled() or future.exception() is not None)
