"""What every request body of OpenAI's dialect shares: strictness, limits, and how unions choose."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field

MAX_INT = 2**31 - 1
MAX_DEADLINE_S = 86_400
TokenId = Annotated[int, Field(ge=0, le=MAX_INT)]


class Body(BaseModel):
    """Strict about the fields it knows; fields it does not know are ignored, as OpenAI's servers do."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, frozen=True)


class TimedBody(Body):
    """What every call shares that keeps a model busy."""

    deadline_s: float | None = Field(
        None,
        gt=0,
        le=MAX_DEADLINE_S,
        description="Seconds the whole answer may take, loading the model included; then it ends with "
        "`deadline_exceeded`: status 504, or an error event where a stream has begun.",
    )


def text_or_list(value: Any) -> str | None:
    """The branch of a union of text and a list."""
    return "text" if isinstance(value, str) else "list" if isinstance(value, list) else None


def text_or_object(value: Any) -> str | None:
    """The branch of a union of text and an object."""
    return "text" if isinstance(value, str) else "object" if isinstance(value, dict) else None


def either(kind: Callable[[Any], str | None], demand: str) -> Discriminator:
    """Chooses the branch of a union; `demand` is what is said when there is none."""
    return Discriminator(kind, custom_error_type="spark_union", custom_error_message=demand)
