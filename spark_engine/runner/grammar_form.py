"""What a request wants its answer to be like: the key under which the compiled rules are kept."""

from collections.abc import Callable
from hashlib import sha256
from typing import Self

import msgspec
from msgspec import Struct

from spark_engine.runner.grammar_mask import Constraint
from spark_engine.types.chat import ChatPrompt, Tool, ToolChoice
from spark_engine.types.generation import GenerationRequest, Grammar

Make = Callable[[], Constraint | None]
"""Makes the constraint of one more answer; quick. None: the answer is free."""


class Form(Struct, frozen=True):
    """A grammar, or tools, or both."""

    grammar: Grammar | None
    tools: tuple[Tool, ...] = ()
    choice: ToolChoice = ToolChoice()

    @classmethod
    def of(cls, request: GenerationRequest) -> Self | None:
        """The form that a request wants; None when its answer is free."""
        prompt = request.prompt
        if isinstance(prompt, ChatPrompt) and prompt.tools:
            return cls(request.grammar, prompt.tools, prompt.choice)
        return None if request.grammar is None else cls(request.grammar)

    @property
    def key(self) -> bytes:
        """The same for the same form."""
        return sha256(msgspec.msgpack.encode(self)).digest()
