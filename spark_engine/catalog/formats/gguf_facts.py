"""What a GGUF file's metadata says of its model, after a look at what has misled libraries that trusted it."""

from collections import Counter
from collections.abc import Sequence

from spark_engine.catalog.formats.facts import cache_bytes, dominant, mentions_tools, word
from spark_engine.catalog.formats.folder import ModelFolder
from spark_engine.catalog.formats.gguf_tensors import Tensor
from spark_engine.catalog.formats.gguf_types import EMBEDDERS, FILE_TYPES, TOKENIZERS
from spark_engine.catalog.formats.gguf_values import F32, I32, STRING, TEMPLATE, TOKENS, U32, Metadata
from spark_engine.catalog.formats.refusal import require
from spark_engine.types.inspection import Inspection
from spark_engine.types.models import ModelKind

MOST_LAYERS = 512
"""llama.cpp has room for so many."""
_RERANKS = 4
_EMBEDS = (1, 2, 3)
_NO_PARAMETERS = ("rope_factors_long.weight", "rope_factors_short.weight", "rope_freqs.weight")
_KINDS_OF_LISTS = {
    TOKENS: (STRING,),
    "tokenizer.ggml.merges": (STRING,),
    "tokenizer.ggml.scores": (F32,),
    "tokenizer.ggml.token_type": (I32, U32),
}


def check(metadata: Metadata, file: str) -> None:
    """Refused when libraries would go wrong on these values."""
    architecture = metadata.text("general.architecture")
    plain = 0 < len(architecture) <= 64 and architecture.replace("-", "").replace("_", "").isalnum()
    require(plain, "no_architecture", "it does not say what kind of model it is", file)
    layers = metadata.number(f"{architecture}.block_count")
    require(layers <= MOST_LAYERS, "too_many_layers", f"it claims to have {layers} layers", file)
    for key, kinds in _KINDS_OF_LISTS.items():
        found = metadata.kind(key) == -1 or metadata.array(key).kind in kinds
        require(found, "bad_tokenizer", f"{key} is a list of something else", file)
    _check_lengths(metadata, file)


def _check_lengths(metadata: Metadata, file: str) -> None:
    """Libraries read one score and one type for every token."""
    tokens = metadata.array(TOKENS).count
    for key in ("tokenizer.ggml.scores", "tokenizer.ggml.token_type"):
        count = metadata.array(key).count
        require(count in (0, tokens), "bad_tokenizer", f"{key} has {count} entries for {tokens} tokens", file)


def facts(
    folder: ModelFolder, name: str, metadata: Metadata, tensors: Sequence[Tensor], *, vision: bool
) -> Inspection:
    """What is known of the model."""
    architecture = metadata.text("general.architecture")
    template = metadata.text(TEMPLATE)
    tokenizer = word(metadata.text("tokenizer.ggml.model"))
    return Inspection(
        format="gguf",
        path=str(folder.path / name),
        files=folder.files,
        size_bytes=folder.size_bytes,
        weights_bytes=sum(tensor.bytes for tensor in tensors),
        kind=_kind(metadata, architecture),
        name=word(metadata.text("general.name")),
        architecture=architecture,
        parameters=sum(tensor.elements for tensor in tensors if tensor.name not in _NO_PARAMETERS),
        quantization=_quantization(metadata, tensors),
        context=metadata.number(f"{architecture}.context_length"),
        layers=metadata.number(f"{architecture}.block_count"),
        hidden=metadata.number(f"{architecture}.embedding_length"),
        vocabulary=metadata.array(TOKENS).count or metadata.number(f"{architecture}.vocab_size"),
        kv_bytes_per_token=_kv_bytes(metadata, architecture),
        rope=_rope(metadata, architecture, {tensor.name for tensor in tensors}),
        tokenizer=TOKENIZERS.get(tokenizer, tokenizer),
        template=bool(template),
        tools=mentions_tools(template),
        vision=vision,
    )


def _kind(metadata: Metadata, architecture: str) -> ModelKind:
    pooling = metadata.number(f"{architecture}.pooling_type")
    if pooling == _RERANKS:
        return "reranker"
    return "embedder" if pooling in _EMBEDS or architecture in EMBEDDERS else "generator"


def _quantization(metadata: Metadata, tensors: Sequence[Tensor]) -> str:
    named = FILE_TYPES.get(metadata.number("general.file_type"), "")
    if named and metadata.kind("general.file_type") != -1:
        return named
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.type] += tensor.bytes
    return dominant(sizes)


def _kv_bytes(metadata: Metadata, architecture: str) -> int:
    """Layers may have heads of their own number; recurrent ones have none."""
    layers = metadata.number(f"{architecture}.block_count")
    heads = metadata.numbers(f"{architecture}.attention.head_count", layers)
    kept = metadata.numbers(f"{architecture}.attention.head_count_kv", layers)
    kept = kept if metadata.kind(f"{architecture}.attention.head_count_kv") != -1 else heads
    usual = metadata.number(f"{architecture}.embedding_length", 2**24) // max(*heads, 1, 1)
    key = metadata.number(f"{architecture}.attention.key_length", 2**20) or usual
    value = metadata.number(f"{architecture}.attention.value_length", 2**20) or key
    return cache_bytes(1, sum(kept), key, value)


def _rope(metadata: Metadata, architecture: str, names: set[str]) -> str:
    kind = metadata.text(f"{architecture}.rope.scaling.type")
    if kind and kind != "none":
        return word(kind)
    if "rope_factors_long.weight" in names:
        return "longrope"
    return "llama3" if "rope_freqs.weight" in names else ""
