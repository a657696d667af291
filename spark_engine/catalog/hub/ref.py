"""How people name a model on the hub: `org/name`, `org/name:variant`, or its page's address."""

import re

from msgspec import Struct

from spark_engine.catalog.stores.reading import repository_name
from spark_engine.errors import InvalidRequest

_PLACE = re.compile(r"(?:https?://)?(?:(?:www\.)?huggingface\.co|hf\.co)/(?:models/)?", re.IGNORECASE)
_VARIANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


class RepositoryRef(Struct, frozen=True):
    """A repository, and which of its variants is wanted: a slug, or a quantization as in `Q4_K_M`; None: the best."""

    repository: str
    variant: str | None = None

    def __str__(self) -> str:
        return self.repository if self.variant is None else f"{self.repository}:{self.variant}"


def parse_repository_ref(text: str) -> RepositoryRef:
    """Read `org/name[:variant]`, with or without the hub's address before it; InvalidRequest when it is not one."""
    plain = _PLACE.sub("", text.strip(), count=1).rstrip("/")
    repository, colon, variant = plain.partition(":")
    if not repository_name(repository) or (colon and not _VARIANT.fullmatch(variant)):
        raise InvalidRequest(
            "repository_name_wrong",
            "This is not the name of a model on the hub",
            f"{text[:100]!r} is not of the form `org/name` or `org/name:variant`.",
            "Copy the name from the model's page, as in microsoft/Phi-4-mini-instruct-onnx.",
            param="model",
        )
    return RepositoryRef(repository, variant if colon else None)


def is_repository_ref(text: str) -> bool:
    """Whether `parse_repository_ref` takes it; Spark's own model ids have no `/`."""
    try:
        parse_repository_ref(text)
    except InvalidRequest:
        return False
    return True
