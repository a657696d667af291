"""What people and apps say: chat messages and tools, already free of any API dialect."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

Role = Literal["system", "user", "assistant", "tool"]


class ToolCall(Struct, frozen=True):
    """One call the model made: `arguments` is a JSON object as text."""

    id: str
    name: str
    arguments: str


class ToolCallPiece(Struct, frozen=True, omit_defaults=True):
    """A piece of a call as it is made. `index` counts the calls of an answer; the first piece of each has its
    `id` and `name`; every piece may add to `arguments`, a JSON object as text.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class ChatMessage(Struct, frozen=True, omit_defaults=True):
    """One turn; content parts are flattened to text before they get here."""

    role: Role
    content: str = ""
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class Tool(Struct, frozen=True):
    """A function the model may call; `parameters` is a JSON schema.

    `strict` True: calls that are made fit the schema, else the request is refused; False: what of the schema cannot
    be enforced is ignored; None: the first when a call is required, the second when the model decides.
    """

    name: str
    description: str = ""
    parameters: dict[str, object] = {}
    strict: bool | None = None


class ToolChoice(Struct, frozen=True, omit_defaults=True):
    """Whether tools are called: by default the model decides. `required`: at least one call; `name`: only this tool.

    `parallel`: one answer may hold several calls.
    """

    required: bool = False
    name: str | None = None
    parallel: bool = True


class ChatPrompt(Struct, frozen=True, tag="chat"):
    """Messages that the model's own template turns into tokens."""

    messages: tuple[ChatMessage, ...]
    tools: tuple[Tool, ...] = ()
    choice: ToolChoice = ToolChoice()


class TextPrompt(Struct, frozen=True, tag="text"):
    """Raw text, tokenized as it stands, special tokens included."""

    text: str


class TokensPrompt(Struct, frozen=True, tag="tokens"):
    """Token ids, used as they are."""

    tokens: tuple[int, ...]


Prompt = ChatPrompt | TextPrompt | TokensPrompt


def join_pieces(pieces: Iterable[ToolCallPiece]) -> tuple[ToolCallPiece, ...]:
    """The same calls in as few pieces as possible; their order is kept."""
    joined: list[ToolCallPiece] = []
    for piece in pieces:
        if joined and joined[-1].index == piece.index:
            last = joined.pop()
            piece = ToolCallPiece(
                last.index, last.id or piece.id, last.name or piece.name, last.arguments + piece.arguments
            )
        joined.append(piece)
    return tuple(joined)


def whole_calls(pieces: Iterable[ToolCallPiece]) -> tuple[ToolCall, ...]:
    """The calls of a whole answer, from all its pieces."""
    return tuple(ToolCall(piece.id, piece.name, piece.arguments) for piece in join_pieces(pieces))
