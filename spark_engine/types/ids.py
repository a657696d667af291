"""Names: model and variant ids as slugs, and fresh ids for requests."""

import re
import secrets

from msgspec import Struct

AUTO = "auto"
_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,95}")


class ModelRef(Struct, frozen=True):
    """A model (`phi-4-mini`) or one of its variants (`phi-4-mini:onnx-int4-cpu`)."""

    model: str
    variant: str | None = None

    def __str__(self) -> str:
        return self.model if self.variant is None else f"{self.model}:{self.variant}"


def parse_model_ref(text: str) -> ModelRef:
    """Read `name` or `name:variant`; ValueError when either part is not a slug."""
    model, colon, variant = text.partition(":")
    if not _SLUG.fullmatch(model) or (colon and not _SLUG.fullmatch(variant)):
        raise ValueError(f"not a model id: {text[:100]!r}")
    return ModelRef(model, variant if colon else None)


def variant_id(model: str, variant: str) -> str:
    """The full id of a variant, `model:variant`."""
    return f"{model}:{variant}"


def fresh_id(prefix: str) -> str:
    """A new id that no other request of this machine has, as in `chatcmpl-8f3a…`."""
    return f"{prefix}-{secrets.token_hex(12)}"
