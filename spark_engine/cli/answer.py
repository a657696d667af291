"""Prints one answer as it is written, and at its end how fast it came."""

import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import Struct

from spark_engine.cli.terminal import Terminal
from spark_engine.cli.words import counted, printable, seconds
from spark_engine.errors import Unavailable
from spark_engine.types.generation import Delta, Failed, Finished, Started, Truncation
from spark_engine.types.quantities import speed

Events = AsyncGenerator[Started | Delta | Finished | Failed, None]


class Answer(Struct, frozen=True):
    """A whole answer."""

    text: str
    end: Finished


class AnswerPrinter:
    """Writes to stdout what a model says. `text` is what has come so far, also of an answer cut short."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._for_people = terminal.out.is_terminal
        self.text = ""

    async def print(self, events: Events, model: str) -> Answer:
        """The whole answer once it is written; SparkError when it is refused or breaks off."""
        async with aclosing(events):
            try:
                with self._terminal.waiting(f"Waiting for {model}"):
                    first = await anext(events)
                end = self._take(first) or await self._rest(events)
            finally:
                self._end_line()
        self._tell_figures(end)
        return Answer(self.text, end)

    async def _rest(self, events: Events) -> Finished:
        async for event in events:
            if (end := self._take(event)) is not None:
                return end
        raise AssertionError("an answer ended without an end")

    def _take(self, event: Started | Delta | Finished | Failed) -> Finished | None:
        match event:
            case Started(truncation=Truncation() as truncation):
                self._tell_left_out(truncation)
            case Delta(text):
                self._put(text)
            case Failed(code, title, message, remedy):
                raise Unavailable(code, title, message, remedy)
            case Finished():
                return event
        return None

    def _tell_left_out(self, truncation: Truncation) -> None:
        """What the model does not see of a conversation, before it answers."""
        if truncation.dropped_messages:
            messages = counted(truncation.dropped_messages, "message")
            tokens = counted(truncation.dropped_tokens, "token")
            self._terminal.note(
                f"The conversation outgrew the model's context; left out: the oldest {messages}, {tokens}."
            )

    def _put(self, text: str) -> None:
        self.text += text
        if not self._terminal.json:
            sys.stdout.write(printable(text) if self._for_people else text)
            sys.stdout.flush()

    def _end_line(self) -> None:
        if self.text and not self.text.endswith("\n") and not self._terminal.json:
            sys.stdout.write("\n")
            sys.stdout.flush()

    def _tell_figures(self, end: Finished) -> None:
        """Speed and origin, dim, where somebody watches."""
        if not (self._for_people and self._terminal.is_live):
            return
        cut = (
            [f"cut off after {counted(end.usage.completion_tokens, 'token')}"]
            if end.reason == "length"
            else []
        )
        figures = (
            *cut,
            speed(end.timings.tokens_per_second),
            f"first token after {seconds(end.timings.first_token_ms / 1000)}",
            counted(end.usage.completion_tokens, "token"),
            f"{end.served.model} on {end.served.device}",
        )
        self._terminal.note(" · ".join(figures))
