"""What a conversation is made of: messages, calls of tools, and the tools on offer."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, Tag, model_validator

from spark_engine.api.openai.bodies import Body, either, text_or_list


class ContentPart(Body):
    """A part of a message's content; only text can be read so far."""

    type: str
    text: str | None = None

    @model_validator(mode="after")
    def _is_text(self) -> Self:
        if self.type not in ("text", "input_text", "output_text"):
            raise ValueError("must be a text part: these models read text only")
        if self.text is None:
            raise ValueError("needs its text")
        return self


Content = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[ContentPart], Tag("list")],
    either(text_or_list, "must be text or a list of parts"),
]


class FunctionBody(Body):
    """The called function; `arguments` is JSON as text."""

    name: str = Field(min_length=1, max_length=256)
    arguments: str = ""


class ToolCallBody(Body):
    """A call the assistant made earlier."""

    id: str = Field(min_length=1, max_length=256)
    type: Literal["function"] = "function"
    function: FunctionBody


class MessageBody(Body):
    """One turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Content | None = None
    name: str | None = Field(None, max_length=256)
    tool_calls: list[ToolCallBody] | None = None
    tool_call_id: str | None = Field(None, max_length=256)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.tool_calls and self.role != "assistant":
            raise ValueError("must not have tool_calls: only the assistant calls tools")
        if self.content is None and not self.tool_calls:
            raise ValueError("needs content")
        if self.role == "tool" and self.tool_call_id is None:
            raise ValueError("needs the tool_call_id that it answers")
        return self


class ToolFunctionBody(Body):
    """A function the model may call. `strict`: calls fit the schema exactly, or the request is refused."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_.-]+$")
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolBody(Body):
    """A tool the model may use."""

    type: Literal["function"]
    function: ToolFunctionBody


class NamedFunction(Body):
    """Which function."""

    name: str = Field(min_length=1, max_length=64)


class NamedTool(Body):
    """The one tool that has to be called."""

    type: Literal["function"]
    function: NamedFunction


def _word_or_tool(value: Any) -> str | None:
    return "word" if isinstance(value, str) else "tool" if isinstance(value, dict) else None


ToolChoiceBody = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("word")] | Annotated[NamedTool, Tag("tool")],
    either(_word_or_tool, "must be none, auto, required or a named function"),
]
