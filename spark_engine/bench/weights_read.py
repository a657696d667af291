"""How many bytes of a model file are read for one token: all its weights but tables that only single rows are taken of.

`python -m spark_engine.bench.weights_read FORMAT PATH` prints {"bytes": …}; 0 when that cannot be told. Needs nothing
but the format's own library, and may run under another Python.
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any

LOOKED_UP = ("Gather", "GatherBlockQuantized", "GroupQueryAttention", "RotaryEmbedding", "If")
"""ONNX operators that take single rows of their tables."""


def main() -> None:
    """Print the bytes."""
    readers = {"onnx": onnx_bytes, "gguf": gguf_bytes, "safetensors": safetensors_bytes}
    reader = readers.get(sys.argv[1])
    try:
        count = reader(Path(sys.argv[2])) if reader else 0
    except Exception as error:  # a share of bandwidth is not worth a failed benchmark
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        count = 0
    print(json.dumps({"bytes": count}))


def onnx_bytes(folder: Path) -> int:
    """Of the ONNX decoder in a model folder. ModuleNotFoundError without the library `onnx`."""
    import onnx

    config = json.loads((folder / "genai_config.json").read_text(encoding="utf-8"))
    graph = onnx.load(str(folder / config["model"]["decoder"]["filename"]), load_external_data=False).graph
    readers: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    return sum(
        _size(tensor) for tensor in graph.initializer if readers.get(tensor.name, set()) - {*LOOKED_UP}
    )


def gguf_bytes(file: Path) -> int:
    """Of a GGUF file; all of it where the library `gguf` is missing."""
    try:
        import gguf
    except ModuleNotFoundError:
        return file.stat().st_size
    sizes = {tensor.name: int(tensor.n_bytes) for tensor in gguf.GGUFReader(str(file)).tensors}
    table = sizes.get("token_embd.weight", 0) if "output.weight" in sizes else 0
    return sum(sizes.values()) - table


def safetensors_bytes(folder: Path) -> int:
    """Of a SafeTensors folder, by the headers of its files."""
    sizes: dict[str, int] = {}
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as source:
            (length,) = struct.unpack("<Q", source.read(8))
            header = json.loads(source.read(length))
        sizes |= {
            name: t["data_offsets"][1] - t["data_offsets"][0] for name, t in header.items() if name[0] != "_"
        }
    table = sizes.get("model.embed_tokens.weight", 0) if "lm_head.weight" in sizes else 0
    return sum(sizes.values()) - table


def _size(tensor: Any) -> int:
    """Bytes of an initializer, also when they lie in another file."""
    outside = {entry.key: entry.value for entry in tensor.external_data}
    return int(outside["length"]) if "length" in outside else tensor.ByteSize()


if __name__ == "__main__":
    main()
