"""What a model card may say: the fields of the TOML files in `model_cards`, and what is refused in them."""

import re
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Annotated, Literal

from msgspec import Meta, Struct

from spark_engine.types.generation import SamplingOptions
from spark_engine.types.ids import parse_model_ref
from spark_engine.types.models import ModelFormat, ModelKind, Pooling

Ability = Literal["chat", "tools", "json", "code", "math", "reasoning", "embedding", "reranking"]
"""What a model is good for, as its makers say or their measurements show."""
MadeFor = Literal["any", "cpu", "gpu"]
Thinking = Literal["never", "optional", "always"]
"""Whether a model writes out its thoughts before an answer; `optional`: the request decides."""

_Count = Annotated[int, Meta(ge=0)]
_Name = Annotated[str, Meta(min_length=1)]
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")

_CONFIGURATION = ("*.json", "*.jinja", "*.txt", "*.model")
_FILES: dict[ModelFormat, tuple[str, ...]] = {
    "onnx": ("*.onnx", "*.onnx.data", "*.onnx_data", *_CONFIGURATION),
    "gguf": ("*.gguf",),
    "safetensors": ("*.safetensors", *_CONFIGURATION),
    "pytorch": ("*.bin", "*.pt", *_CONFIGURATION),
    "echo": (),
}


class Score(Struct, frozen=True, forbid_unknown_fields=True):
    """A published measurement: `name` as in `MMLU (5-shot)`, and in `source` who published it."""

    name: _Name
    value: float
    source: _Name


class CardVariant(Struct, frozen=True, forbid_unknown_fields=True):
    """One file set. `repository`/`revision`/`folder` say where it is published; `bundled` where it lies in Spark's own
    resources; `path` (user cards only) where it lies on this machine. `file` is the main file within the folder
    (GGUF); empty means the folder itself is the model.

    `revision`: a commit or a branch, empty for the repository's main branch. `files`: patterns of the files that
    belong to it, within `folder`, where those of the format are not the right ones. `size_bytes`: all of them
    together. `sha256`: of its files, by their path within `folder`, as far as known. `gated`: its repository asks
    for an account that accepted the licence. `made_for`: the devices its numbers are laid out for.
    """

    id: str
    format: ModelFormat
    quantization: str
    size_bytes: _Count = 0
    repository: str = ""
    folder: str = ""
    file: str = ""
    bundled: str = ""
    path: str = ""
    revision: str = ""
    files: tuple[_Name, ...] = ()
    sha256: dict[str, str] = {}
    gated: bool = False
    made_for: MadeFor = "any"

    def __post_init__(self) -> None:
        _require(
            not self.repository or _matches(_REPOSITORY, self.repository), "repository", "not `owner/name`"
        )
        _require(
            not self.revision or _matches(_REVISION, self.revision), "revision", "not a commit or branch"
        )
        for field, path in (("folder", self.folder), ("file", self.file), ("bundled", self.bundled)):
            _require(_stays_inside(path), field, "not a plain relative path")
        for pattern in self.files:
            _require(_stays_inside(pattern), "files", "not a plain relative pattern")
        for path, digest in self.sha256.items():
            _require(bool(path) and _stays_inside(path), "sha256", "not a plain relative path")
            _require(_matches(_SHA256, digest), "sha256", "not 64 lower-case hexadecimal digits")

    @property
    def patterns(self) -> tuple[str, ...]:
        """Patterns of the files to fetch, within `folder`; a `*` stands for part of one name."""
        return self.files or ((self.file,) if self.file else _FILES[self.format])

    def wants(self, path: str) -> bool:
        """Whether the file at `path` in the repository belongs to this variant."""
        parts = PurePosixPath(path).parts
        folder = PurePosixPath(self.folder).parts
        inner = parts[len(folder) :]
        return parts[: len(folder)] == folder and any(_fits(inner, pattern) for pattern in self.patterns)


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    """A model's facts; variants stand best first. `kind`: what it is made for, as long as its files are not here to
    say it. `pooling`: how its embeddings are made, where its files do not say it or are wrong.

    `layers`, `kv_heads` and `head_dim` tell what its cache takes (0: unknown). `template` and `tool_style` name the
    form of its conversations and tool calls, `stop` the tokens that end an answer; empty: as its family has them.
    `languages`: ISO 639-1 codes.
    """

    id: str
    name: str
    family: str
    licence: str
    summary: str
    parameters: _Count
    context: Annotated[int, Meta(ge=1)]
    variants: tuple[CardVariant, ...]
    sampling: SamplingOptions = SamplingOptions()
    kind: ModelKind = "generator"
    pooling: Pooling | None = None
    template: str = ""
    tool_style: str = ""
    stop: tuple[_Name, ...] = ()
    thinking: Thinking = "never"
    abilities: tuple[Ability, ...] = ()
    languages: tuple[Annotated[str, Meta(pattern="^[a-z]{2}$")], ...] = ()
    layers: _Count = 0
    kv_heads: _Count = 0
    head_dim: _Count = 0
    quality: tuple[Score, ...] = ()

    def __post_init__(self) -> None:
        ids = [variant.id for variant in self.variants]
        for id in ids:
            parse_model_ref(f"{self.id}:{id}")
        _require(len(set(ids)) == len(ids), "variants", "two have the same `id`")

    @property
    def kv_bytes_per_token(self) -> int:
        """Memory that one token of context takes, with the key/value cache in 16 bits; 0 when unknown. At most: a
        model that looks back over a window only takes less."""
        return 2 * self.layers * self.kv_heads * self.head_dim * 2


def _require(holds: bool, field: str, why: str) -> None:
    if not holds:
        raise ValueError(f"`{field}`: {why}")


def _matches(form: re.Pattern[str], text: str) -> bool:
    return form.fullmatch(text) is not None and ".." not in text


def _stays_inside(path: str) -> bool:
    is_absolute = path.startswith("/") or path[1:2] == ":"
    return not is_absolute and not set("\\\0") & set(path) and ".." not in PurePosixPath(path).parts


def _fits(parts: tuple[str, ...], pattern: str) -> bool:
    wanted = PurePosixPath(pattern).parts
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
