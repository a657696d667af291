"""Which model is taken for work that not every model can do."""

import pytest

from spark_engine.engine.placement import find_made_for
from spark_engine.engine.selection import choose
from spark_engine.errors import InvalidRequest, NotFound
from spark_engine.types.ids import AUTO
from spark_engine.types.models import (
    ModelEntry,
    ModelKind,
    NotInstalled,
    Ready,
    Unloaded,
    VariantEntry,
    VariantStatus,
)
from spark_engine.types.selection import Needs

READY = Ready("CPU", 4096, 8, 1, 1.0, 1)
EMBED: tuple[ModelKind, ...] = ("embedder", "generator")
RERANK: tuple[ModelKind, ...] = ("reranker", "embedder", "generator")


def model(id: str, kind: ModelKind, status: VariantStatus | None = None, parameters: int = 1) -> ModelEntry:
    variant = VariantEntry(f"{id}:v", "onnx", "", 1, status or Unloaded(), "somewhere", kind=kind)
    return ModelEntry(id, id, "", "", "", parameters, 4096, (variant,))


def library(*models: ModelEntry) -> dict[str, ModelEntry]:
    return {entry.id: entry for entry in models}


WRITER, EMBEDDER, JUDGE = model("writer", "generator"), model("bge", "embedder"), model("judge", "reranker")


@pytest.mark.parametrize(
    ("kinds", "models", "chosen"),
    [
        (EMBED, library(WRITER, EMBEDDER, JUDGE), "bge:v"),
        (EMBED, library(WRITER, JUDGE), "writer:v"),
        (RERANK, library(WRITER, EMBEDDER, JUDGE), "judge:v"),
        (RERANK, library(WRITER, EMBEDDER), "bge:v"),
        (EMBED, library(WRITER, EMBEDDER, model("loaded", "embedder", READY)), "loaded:v"),
        (EMBED, library(WRITER, model("away", "embedder", NotInstalled())), "writer:v"),
        (("generator",), library(WRITER, EMBEDDER, JUDGE), "writer:v"),
    ],
)
def test_auto_prefers_what_was_made_for_the_work(
    kinds: tuple[ModelKind, ...], models: dict[str, ModelEntry], chosen: str
) -> None:
    assert find_made_for(kinds, models, AUTO, "writer:v").id == chosen


@pytest.mark.parametrize(
    ("kinds", "name", "code"),
    [
        (EMBED, "judge", "model_cannot_embed"),
        (("generator",), "bge", "model_cannot_generate"),
        (("generator",), "judge:v", "model_cannot_generate"),
    ],
)
def test_a_named_model_of_another_kind_is_refused(kinds: tuple[ModelKind, ...], name: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        find_made_for(kinds, library(WRITER, EMBEDDER, JUDGE), name, "writer:v")
    assert (refused.value.code, refused.value.param) == (code, "model")
    assert refused.value.remedy


def test_models_that_only_read_are_never_the_default() -> None:
    large = model("large", "embedder", READY, parameters=10**12)
    models = library(large, JUDGE, WRITER)
    assert choose(models, Needs()).id == "writer:v"
    assert choose(models, Needs(), wished="large").id == "writer:v"
    assert choose(library(large), Needs()).id == ""
    with pytest.raises(NotFound):
        find_made_for(("generator",), library(large), AUTO, "")
