"""The facts of one family of models: how it is recognised, and the form of its conversations and tool calls."""

import re

from msgspec import Struct

from spark_engine.types.generation import SamplingOptions


class Family(Struct, frozen=True):
    """One family. `title` is its name for people, `words` those that stand in its models' names.

    `architectures`: names of classes as in `config.json`, and of kinds as in GGUF files; `borrows`: those of another
    family that its models may have, told apart by their names. `template` names the form of its conversations and
    `tool_style` that of its tool calls, as `runner/tool_styles.py` does; empty: only the model's files can tell.
    `stop`: the texts of tokens that end an answer. `thinking`: what stands around a model's thoughts. `sampling`:
    what its makers advise. `system_role`: whether its form has a place for a system message.
    """

    name: str
    title: str
    words: tuple[str, ...] = ()
    architectures: frozenset[str] = frozenset()
    borrows: frozenset[str] = frozenset()
    template: str = ""
    tool_style: str = ""
    stop: tuple[str, ...] = ()
    thinking: tuple[str, str] | None = None
    sampling: SamplingOptions = SamplingOptions()
    system_role: bool = True

    def may_have(self, architecture: str) -> bool:
        """Whether models of this family have it; any of them may where it is not known."""
        return not architecture or architecture in self.architectures | self.borrows

    def is_named_in(self, name: str) -> bool:
        """Whether a model's name, path or repository has one of the family's words."""
        return has_word(name, self.words)


def has_word(name: str, words: tuple[str, ...]) -> bool:
    """Whether one of `words` (patterns) stands in `name`, not in the middle of another word; digits may follow."""
    return any(re.search(rf"(?<![a-z0-9])(?:{word})(?![a-z])", name.lower()) for word in words)
