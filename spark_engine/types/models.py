"""Models as people see them: cards' facts, variants, and the status of each variant as data."""

from typing import Literal

from msgspec import Struct

from spark_engine.types.conversions import Agreement
from spark_engine.types.fit import Fit
from spark_engine.types.generation import SamplingOptions

ModelFormat = Literal["onnx", "gguf", "safetensors", "pytorch", "echo"]
ModelKind = Literal["generator", "embedder", "reranker"]
"""What a model is made for: writing text, one vector per text, or one score per pair of texts."""
Pooling = Literal["mean", "last", "cls"]
"""How the vectors of a text's tokens become the text's: their mean, the last token's, or the first one's."""


class NotInstalled(Struct, frozen=True, tag="not_installed"):
    """The files are not on this machine."""


class Unloaded(Struct, frozen=True, tag="unloaded"):
    """The files are here; no runner holds them."""


class Loading(Struct, frozen=True, tag="loading"):
    """A runner is starting. `fraction` 0..1; `step` is a short phrase for people."""

    fraction: float
    step: str


class Ready(Struct, frozen=True, tag="ready"):
    """A runner answers. `memory_bytes` is the runner's resident memory when it became ready."""

    device: str
    context: int
    slots: int
    memory_bytes: int
    load_ms: float
    pid: int


class Unloading(Struct, frozen=True, tag="unloading"):
    """The runner is finishing what it runs and will end."""


class Restarting(Struct, frozen=True, tag="restarting"):
    """The runner died and will be started again after `delay_s` seconds; `evidence` is the end of its
    stderr.
    """

    attempt: int
    delay_s: float
    reason: str
    evidence: str = ""


class LoadFailed(Struct, frozen=True, tag="load_failed"):
    """The model cannot run now; the text fields are those of `errors.SparkError`."""

    code: str
    title: str
    message: str
    remedy: str = ""
    evidence: str = ""


VariantStatus = NotInstalled | Unloaded | Loading | Ready | Unloading | Restarting | LoadFailed


class VariantEntry(Struct, frozen=True):
    """One file set of a model in one format. `path` is None until installed; `component` is the
    backend component it needs that is not there (None: nothing is missing); `kind` is read from its files.
    `owner` is the program whose files they are (`spark` may delete its own, others' are only read); `repository` is
    where it can be fetched (empty: nowhere); `rejected` says why its files are not trusted; `fit` whether it runs here.
    `made_from` is the variant that Spark converted it from, `agreement` how well both agree.
    """

    id: str
    format: ModelFormat
    quantization: str
    size_bytes: int
    status: VariantStatus
    path: str | None = None
    component: str | None = None
    kind: ModelKind = "generator"
    owner: str = "spark"
    repository: str = ""
    rejected: str = ""
    fit: Fit | None = None
    made_from: str = ""
    agreement: Agreement | None = None


class ModelEntry(Struct, frozen=True):
    """A model with its variants, best first. `sampling` is what its makers advise: it stands where a request
    says nothing. `pooling`: how its embeddings are made (None: as its files say, else by their mean). `abilities` and
    `languages` as its card says; `quality`: its published MMLU score in percent (0: unknown).
    """

    id: str
    name: str
    family: str
    licence: str
    summary: str
    parameters: int
    context: int
    variants: tuple[VariantEntry, ...] = ()
    sampling: SamplingOptions = SamplingOptions()
    pooling: Pooling | None = None
    abilities: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    quality: float = 0.0


def is_installed(status: VariantStatus) -> bool:
    """Whether the files are on this machine."""
    return not isinstance(status, NotInstalled)


def is_ready(status: VariantStatus) -> bool:
    """Whether a request would be answered without loading."""
    return isinstance(status, Ready)


def is_moving(status: VariantStatus) -> bool:
    """Whether the status will change by itself."""
    return isinstance(status, (Loading, Unloading, Restarting))


def status_word(status: VariantStatus) -> str:
    """One or two words for people, as window and CLI show them."""
    return _WORDS[type(status)]


_WORDS: dict[type, str] = {
    NotInstalled: "not downloaded",
    Unloaded: "on disk",
    Loading: "loading",
    Ready: "ready",
    Unloading: "unloading",
    Restarting: "restarting",
    LoadFailed: "failed",
}
