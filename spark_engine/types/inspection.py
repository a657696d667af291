"""What a model's files say of themselves, read without any model library; or why they cannot be trusted."""

from msgspec import Struct

from spark_engine.types.models import ModelFormat, ModelKind


class Inspection(Struct, frozen=True, tag="inspected"):
    """A model whose files are in order. `path` is what a decoder opens: a folder, or a file (GGUF). `weights_bytes` are
    those of the tensors, `size_bytes` those of all its files. Numbers are 0 and words empty where they say nothing.
    `kv_bytes_per_token`: memory that one token of context takes, with the key/value cache in 16 bits. `rope` names the
    scaling of positions (`linear`, `yarn`, `longrope`, …)."""

    format: ModelFormat
    path: str
    files: tuple[str, ...]
    size_bytes: int
    weights_bytes: int
    kind: ModelKind = "generator"
    name: str = ""
    architecture: str = ""
    parameters: int = 0
    quantization: str = ""
    context: int = 0
    layers: int = 0
    hidden: int = 0
    vocabulary: int = 0
    kv_bytes_per_token: int = 0
    rope: str = ""
    tokenizer: str = ""
    template: bool = False
    tools: bool = False
    vision: bool = False


class Rejected(Struct, frozen=True, tag="rejected"):
    """Files that no model library is given. `reason` is a sentence for people; `file` the one it is about. `path` and
    `format` are those of `Inspection`, as far as they are known."""

    code: str
    reason: str
    file: str = ""
    path: str = ""
    format: ModelFormat | None = None


Verdict = Inspection | Rejected
