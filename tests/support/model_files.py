"""Writes small model files byte by byte in every format, right or wrong as a test wants them."""

import json
import pickle
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "vocab_size": 10,
}
TOKENIZER = {"version": "1.0", "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}
GENAI = {
    "model": {
        "type": "llama",
        "context_length": 2048,
        "vocab_size": 10,
        "decoder": {
            "filename": "model.onnx",
            "head_size": 16,
            "hidden_size": 64,
            "num_attention_heads": 4,
            "num_hidden_layers": 2,
            "num_key_value_heads": 2,
            "session_options": {"log_id": "x"},
        },
    },
    "search": {"max_length": 2048},
}


def write_beside(folder: Path, config: Mapping[str, Any] | None = None) -> Path:
    """The small files that stand beside weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG if config is None else config))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ tools }}"}))
    return folder


def without(write: Callable[[Path], object], name: str) -> Callable[[Path], object]:
    """What `write` writes, but for one file."""

    def made(folder: Path) -> None:
        write(folder)
        (folder / name).unlink()

    return made


# GGUF

U8, U32, I32, F32, BOOL, STRING, ARRAY, U64 = 0, 4, 5, 6, 7, 8, 9, 10
_LAYOUTS = {U8: "<B", U32: "<I", I32: "<i", F32: "<f", BOOL: "<B", U64: "<Q"}
METADATA: dict[str, tuple[int, Any]] = {
    "general.architecture": (STRING, "llama"),
    "general.name": (STRING, "Tiny"),
    "general.file_type": (U32, 0),
    "llama.context_length": (U32, 2048),
    "llama.embedding_length": (U32, 64),
    "llama.block_count": (U32, 2),
    "llama.attention.head_count": (U32, 4),
    "llama.attention.head_count_kv": (U32, 2),
    "tokenizer.ggml.model": (STRING, "gpt2"),
    "tokenizer.ggml.tokens": (ARRAY, (STRING, ["a", "b"])),
    "tokenizer.ggml.token_type": (ARRAY, (I32, [1, 1])),
}


def text(value: str | bytes) -> bytes:
    """A text of GGUF."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def value(kind: int, given: Any) -> bytes:
    """A value of GGUF without its kind."""
    if kind == STRING:
        return text(given)
    if kind == ARRAY:
        inner, items = given
        return struct.pack("<IQ", inner, len(items)) + b"".join(value(inner, item) for item in items)
    return struct.pack(_LAYOUTS[kind], given)


def tensor(name: str, shape: Iterable[int], kind: int = 0, offset: int = 0) -> bytes:
    """An entry of GGUF's list of tensors."""
    sizes = tuple(shape)
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)


def gguf(
    metadata: Mapping[str, tuple[int, Any]] | None = None,
    tensors: Iterable[bytes] = (
        tensor("token_embd.weight", (64, 2)),
        tensor("output.weight", (64, 2), 0, 512),
    ),
    data: int = 1024,
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
    extra: bytes = b"",
    magic: bytes = b"GGUF",
    alignment: int = 32,
) -> bytes:
    """A file; `counts` are what its header claims of tensors and values, `extra` raw bytes behind the values."""
    values, listed = METADATA if metadata is None else metadata, list(tensors)
    head = magic + struct.pack("<IQQ", version, *(counts or (len(listed), len(values))))
    for key, (kind, given) in values.items():
        head += text(key) + struct.pack("<I", kind) + value(kind, given)
    head += extra + b"".join(listed)
    return head + bytes(-len(head) % alignment) + bytes(data)


# SafeTensors


def safetensors(
    header: Any = None, data: int | None = None, *, raw: bytes | None = None, length: int | None = None
) -> bytes:
    """A file with `data` bytes of values; `raw` is a header as it stands, `length` what is said of it."""
    listed = {"w": {"dtype": "F32", "shape": [4, 2], "data_offsets": [0, 32]}} if header is None else header
    written = json.dumps(listed).encode() if raw is None else raw
    return (
        struct.pack("<Q", len(written) if length is None else length)
        + written
        + bytes(32 if data is None else data)
    )


# ONNX


def varint(number: int) -> bytes:
    """A number of a protocol buffer."""
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*made, number))


def field(number: int, content: int | bytes | str) -> bytes:
    """A field: a number, or bytes with their length."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def onnx_tensor(
    name: str = "w",
    shape: Iterable[int] = (4, 2),
    kind: int = 1,
    *,
    raw: bytes | None = None,
    external: Mapping[str, str] | Iterable[tuple[str, str]] = (),
) -> bytes:
    """A TensorProto."""
    made = b"".join(field(1, size) for size in shape) + field(2, kind) + field(8, name)
    if raw is not None:
        made += field(9, raw)
    pairs = list(external.items() if isinstance(external, Mapping) else external)
    for key, said in pairs:
        made += field(13, field(1, key) + field(2, said))
    return made + (field(14, 1) if pairs else b"")


def onnx_node(operator: str, attributes: bytes = b"") -> bytes:
    """A NodeProto."""
    return field(1, "x") + field(2, "y") + field(4, operator) + attributes


def onnx(*tensors: bytes, nodes: Iterable[bytes] = (), more: bytes = b"") -> bytes:
    """A ModelProto."""
    graph = b"".join(field(1, node) for node in nodes) + field(2, "g")
    graph += b"".join(field(5, made) for made in tensors)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 21)) + more


def write_genai(folder: Path, model: bytes, config: Mapping[str, Any] | None = None) -> Path:
    """A folder for onnxruntime-genai."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "genai_config.json").write_text(json.dumps(GENAI if config is None else config))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (folder / "model.onnx").write_bytes(model)
    return folder


# PyTorch


def described(count: int = 8, shape: tuple[int, ...] = (4, 2), key: str = "0", offset: int = 0) -> bytes:
    """The pickle of one tensor `w`, as PyTorch writes it."""

    def text(said: str) -> bytes:
        return b"X" + struct.pack("<I", len(said)) + said.encode()

    def number(said: int) -> bytes:
        data = said.to_bytes((said.bit_length() // 8) + 1, "little")
        return b"\x8a" + bytes([len(data)]) + data

    numbers = b"(" + b"".join(number(size) for size in shape) + b"t"
    strides = b"(" + b"".join(number(1) for _ in shape) + b"t"
    storage = (
        b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + number(count) + b"tQ"
    )
    arguments = b"(" + storage + number(offset) + numbers + strides + b"\x89ccollections\nOrderedDict\n)Rt"
    return b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


def zipped(
    records: Mapping[str, bytes] | Iterable[tuple[str, bytes]], root: str = "model/", before: bytes = b""
) -> bytes:
    """An archive of records stored as they are, as PyTorch writes it."""
    pairs = list(records.items() if isinstance(records, Mapping) else records)
    made, listed = before, b""
    for name, content in pairs:
        path = (root + name).encode()
        sizes = struct.pack("<3I2H", 0, len(content), len(content), len(path), 0)
        common = struct.pack("<4H", 0, 0, 0, 0)
        listed += b"PK\x01\x02" + struct.pack("<H", 0) + struct.pack("<H", 0) + common
        listed += sizes + struct.pack("<3H2I", 0, 0, 0, 0, len(made)) + path
        made += b"PK\x03\x04" + struct.pack("<H", 0) + common + sizes + path + content
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, len(pairs), len(pairs), len(listed), len(made), 0)
    return made + listed + end


def checkpoint(**changed: bytes) -> bytes:
    """An archive with one tensor; `changed` replaces or adds records (`data_pkl` is `data.pkl`)."""
    records = {"data.pkl": described(), "byteorder": b"little", "data/0": bytes(32), "version": b"3\n"}
    return zipped(records | {name.replace("_", ".", 1): content for name, content in changed.items()})


class Runs:
    """An object whose pickle runs a program when it is read by Python."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("this pickle ran",))


def hostile_pickle(protocol: int = 2) -> bytes:
    """The pickle of an object that runs code."""
    return pickle.dumps({"w": Runs()}, protocol=protocol)
