"""What the small files beside a model's weights say of it: configuration, tokenizer, chat template."""

from typing import Any

import msgspec
from msgspec import Struct

from spark_engine.catalog.formats.facts import (
    MOST_LAYERS,
    MOST_TEMPLATE,
    cache_bytes,
    first_whole,
    mentions_tools,
    table,
    word,
)
from spark_engine.catalog.formats.folder import ModelFolder
from spark_engine.catalog.formats.model_types import OWN_CODE_NOT_NEEDED
from spark_engine.catalog.formats.refusal import Refused, refuse, require
from spark_engine.catalog.kinds import GENAI_CONFIG, MODULES, kind_of
from spark_engine.types.models import ModelKind

CONFIG, TOKENIZER_CONFIG = "config.json", "tokenizer_config.json"
_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
    "tiktoken.model",
    "tekken.json",
)
_KINDS = {
    "tokenizer.model": "SentencePiece",
    "spiece.model": "SentencePiece",
    "sentencepiece.bpe.model": "SentencePiece",
    "vocab.txt": "WordPiece",
    "vocab.json": "BPE",
}
_SMALL_FILES = ("generation_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt",
                "sentence_bert_config.json", "1_Pooling/config.json")  # fmt: skip
_MOST_TOKENIZER = 128 * 1024 * 1024


class Description(Struct, frozen=True):
    """A folder's own words. Fields as those of `Inspection`."""

    kind: ModelKind
    name: str
    architecture: str
    context: int
    layers: int
    hidden: int
    vocabulary: int
    kv_bytes_per_token: int
    rope: str
    tokenizer: str
    template: bool
    tools: bool
    vision: bool
    packed_bits: int
    packing: str


def describe(folder: ModelFolder) -> Description:
    """Read the files beside the weights. Refused when one is broken, or missing and needed, or when the model only
    runs with code of its own."""
    config = folder.json(CONFIG)
    tokenizer_config = folder.optional_json(TOKENIZER_CONFIG)
    _refuse_code(folder, config, tokenizer_config)
    for name in _SMALL_FILES:
        if folder.has(name):
            folder.open(name).__exit__(None, None, None)
    template = chat_template(folder, tokenizer_config)
    inner = table(config.get("text_config")) or config
    packing, bits = _packing(config)
    return Description(
        kind=_kind(folder, config),
        name=word(config.get("_name_or_path")).replace("\\", "/").rsplit("/", 1)[-1],
        architecture=word(config.get("model_type")),
        context=first_whole(
            inner, "max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx"
        ),
        layers=layers_of(inner),
        hidden=_hidden(inner),
        vocabulary=first_whole(inner, "vocab_size") or first_whole(config, "vocab_size"),
        kv_bytes_per_token=_kv_bytes(inner),
        rope=_rope(inner),
        tokenizer=read_tokenizer(folder),
        template=bool(template),
        tools=mentions_tools(template),
        vision="vision_config" in config,
        packed_bits=bits,
        packing=packing,
    )


def chat_template(folder: ModelFolder, tokenizer_config: dict[str, Any]) -> str:
    """The template that turns messages into a prompt; empty when there is none."""
    if folder.has("chat_template.jinja"):
        return folder.read("chat_template.jinja", MOST_TEMPLATE).decode("utf-8", "replace")
    given = folder.optional_json("chat_template.json").get("chat_template") or tokenizer_config.get(
        "chat_template"
    )
    if isinstance(given, list):  # several, each with a name
        named = {str(table(entry).get("name")): table(entry).get("template") for entry in given}
        given = named.get("default") or next(iter(named.values()), "")
    text = given if isinstance(given, str) else ""
    require(
        len(text) <= MOST_TEMPLATE, "template_too_large", "the chat template is too long", TOKENIZER_CONFIG
    )
    return text


def read_tokenizer(folder: ModelFolder) -> str:
    """What kind of tokenizer lies here. Refused when there is none."""
    name = next((name for name in _TOKENIZERS if folder.has(name)), "")
    require(bool(name), "missing_tokenizer", "there is no tokenizer among its files")
    with folder.open(name):
        pass
    return _kind_of_tokenizer(folder) if name == "tokenizer.json" else _KINDS.get(name, "")


def layers_of(config: dict[str, Any]) -> int:
    """How many layers there are."""
    keys = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
    return first_whole(config, *keys, most=MOST_LAYERS)


class _Model(Struct):
    type: str = ""


class _Tokenizer(Struct):
    model: _Model


def _kind_of_tokenizer(folder: ModelFolder) -> str:
    data = folder.read("tokenizer.json", _MOST_TOKENIZER)
    try:
        return word(msgspec.json.decode(data, type=_Tokenizer).model.type)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Refused("bad_json", "tokenizer.json is no tokenizer", "tokenizer.json") from error


def _refuse_code(folder: ModelFolder, config: dict[str, Any], tokenizer_config: dict[str, Any]) -> None:
    """Code that comes with a model is never run. Where nothing else can run the model, it is not taken."""
    if "auto_map" in config and config.get("model_type") not in OWN_CODE_NOT_NEEDED:
        refuse(
            "remote_code", "the model runs only with Python code of its own, which Spark never runs", CONFIG
        )
    if "auto_map" in tokenizer_config and not folder.has("tokenizer.json"):
        refuse(
            "remote_code",
            "its tokenizer needs Python code of its own, which Spark never runs",
            TOKENIZER_CONFIG,
        )


def _kind(folder: ModelFolder, config: dict[str, Any]) -> ModelKind:
    names = config.get("architectures")
    given = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return kind_of(given, has_modules=folder.has(MODULES), is_genai=folder.has(GENAI_CONFIG))


def _hidden(config: dict[str, Any]) -> int:
    return first_whole(config, "hidden_size", "n_embd", "d_model", "dim", most=2**24)


def _kv_bytes(config: dict[str, Any]) -> int:
    heads = first_whole(config, "num_attention_heads", "n_head", "n_heads", most=2**16)
    kept = first_whole(config, "num_key_value_heads", "num_kv_heads", most=2**16)
    kept = kept or (1 if config.get("multi_query") is True else heads)
    size = first_whole(config, "head_dim", most=2**16) or _hidden(config) // max(heads, 1)
    if first_whole(
        config, "kv_lora_rank"
    ):  # keys have a part that is rotated, and values a size of their own
        size = first_whole(config, "qk_nope_head_dim", most=2**16) + first_whole(
            config, "qk_rope_head_dim", most=2**16
        )
    value = first_whole(config, "v_head_dim", most=2**16)
    return cache_bytes(layers_of(config), kept, size, value)


def _packing(config: dict[str, Any]) -> tuple[str, int]:
    """The method by which weights were packed, and into how many bits; empty and 0 where they were not."""
    packed = table(config.get("quantization_config"))
    method = word(packed.get("quant_method"))
    if method:
        usual = 4 if packed.get("load_in_4bit") is True else 0
        return method, first_whole(packed, "bits", most=8) or usual
    bits = first_whole(table(config.get("quantization")), "bits", most=8)
    return ("mlx", bits) if bits else ("", 0)


def _rope(config: dict[str, Any]) -> str:
    """Newer files have a table for each kind of layer."""
    scaling = table(config.get("rope_scaling")) or table(config.get("rope_parameters"))
    tables = [scaling, *(table(inner) for inner in scaling.values())]
    kinds = (word(each.get("rope_type")) or word(each.get("type")) for each in tables)
    return next((kind for kind in kinds if kind and kind != "default"), "")
