"""What people and apps say: chat messages and tools, already free of any API dialect."""

from typing import Literal

from msgspec import Struct

Role = Literal["system", "user", "assistant", "tool"]


class ToolCall(Struct, frozen=True):
    """One call the model made: `arguments` is a JSON object as text."""

    id: str
    name: str
    arguments: str


class ChatMessage(Struct, frozen=True, omit_defaults=True):
    """One turn; content parts are flattened to text before they get here."""

    role: Role
    content: str = ""
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class Tool(Struct, frozen=True):
    """A function the model may call; `parameters` is a JSON schema."""

    name: str
    description: str = ""
    parameters: dict[str, object] = {}


class ChatPrompt(Struct, frozen=True, tag="chat"):
    """Messages that the model's own template turns into tokens."""

    messages: tuple[ChatMessage, ...]
    tools: tuple[Tool, ...] = ()


class TextPrompt(Struct, frozen=True, tag="text"):
    """Raw text, tokenized as it stands, special tokens included."""

    text: str


class TokensPrompt(Struct, frozen=True, tag="tokens"):
    """Token ids, used as they are."""

    tokens: tuple[int, ...]


Prompt = ChatPrompt | TextPrompt | TokensPrompt
