"""Hostile and broken ONNX folders: why each is refused, and how it is written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import model_files as files
from tests.support.model_files import GENAI, field, onnx, onnx_node, onnx_tensor, without

Write = Callable[[Path], object]
RAW = bytes(32)


def genai(model: bytes, described: object = None, **beside: bytes) -> Write:
    def write(folder: Path) -> None:
        files.write_genai(folder, model)
        if described is not None:
            (folder / "genai_config.json").write_text(json.dumps(described))
        for name, content in beside.items():
            (folder / name).write_bytes(content)

    return write


def external(location: str, offset: str = "0", length: str = "32", **more: bytes) -> Write:
    said = {"location": location, "offset": offset, "length": length}
    return genai(onnx(onnx_tensor(external=said)), None, data=RAW, **more)


def in_folder(folder: Path) -> None:
    external("inner")(folder)
    (folder / "inner").mkdir()


def decoder(**changed: object) -> dict[str, Any]:
    inner = GENAI["model"]
    assert isinstance(inner, dict)
    return {"model": {**inner, "decoder": {**inner["decoder"], **changed}}}


def nested(depth: int) -> bytes:
    graph = field(5, onnx_tensor(external={"location": "../x"}))
    for _ in range(depth):
        graph = field(1, onnx_node("If", field(5, field(1, "then") + field(6, graph))))
    return onnx(nodes=[onnx_node("If", field(5, field(1, "then") + field(6, graph)))])


OUTSIDE = onnx_node("Constant", field(5, field(5, onnx_tensor(external={"location": "../x"}))))
PARTS = {f"part{number}": {"filename": f"{number}.onnx"} for number in range(20)}
DOUBLE = field(1, onnx_tensor(raw=RAW))
WHOLE = onnx(onnx_tensor(raw=RAW))
CONTEXT = onnx_node("EPContext", field(5, field(4, "../x") + field(1, "ep_cache_context"))
                    + field(5, field(1, "embed_mode") + field(3, 0)))  # fmt: skip
ONNX: dict[str, tuple[str, Write]] = {
    "values by an absolute path": ("unsafe_path", external("/etc/passwd")),
    "values above the folder": ("unsafe_path", external("../data")),
    "values through a folder and up again": ("unsafe_path", external("inner/../../data")),
    "values in the current folder": ("unsafe_path", external("./data")),
    "values by a drive's letter": ("unsafe_path", external("C:data")),
    "values with backslashes": ("unsafe_path", external("..\\data")),
    "values with a stream": ("unsafe_path", external("data:stream")),
    "values with a NUL": ("unsafe_path", external("data\0.txt")),
    "values of a device": ("unsafe_path", external("NUL.txt")),
    "values of onnxruntime's memory": ("unsafe_path", external("*/_ORT_MEM_ADDR_/*")),
    "values under a turned name": ("unsafe_path", external("da\u202eta")),
    "values with a dot behind": ("unsafe_path", external("data.")),
    "values nowhere": ("bad_external_data", external("")),
    "values that are missing": ("missing_file", external("other")),
    "values behind the end": ("truncated", external("data", offset="1")),
    "values of 2**59 bytes": ("size_mismatch", external("data", length=str(2**59))),
    "an offset of 2**59": ("truncated", external("data", offset=str(2**59))),
    "an offset below nothing": ("bad_external_data", external("data", offset="-1")),
    "an offset that is none": ("bad_external_data", external("data", offset="0x0")),
    "a folder for values": (
        "not_a_file",
        in_folder,
    ),
    "two places for values": (
        "duplicate_key",
        genai(onnx(onnx_tensor(external=[("location", "data"), ("location", "../x")])), None, data=RAW),
    ),
    "values outside for a constant": (
        "unsafe_path",
        genai(onnx(nodes=[OUTSIDE])),
    ),
    "values outside for a branch": ("unsafe_path", genai(nested(2))),
    "values outside for a function": (
        "unsafe_path",
        genai(onnx(more=field(25, field(7, OUTSIDE)))),
    ),
    "values outside for few values": (
        "unsafe_path",
        genai(onnx(nodes=[onnx_node("C", field(5, field(22, field(1, onnx_tensor(external={"location": "../x"})))))])),
    ),
    "a constant of two values": (
        "duplicate_field",
        genai(onnx(nodes=[onnx_node("C", field(5, field(5, onnx_tensor(raw=RAW)) * 2))])),
    ),
    "few values that are two": (
        "duplicate_field",
        genai(onnx(nodes=[onnx_node("C", field(5, field(22, DOUBLE * 2)))])),
    ),
    "values that stand twice": ("duplicate_field", genai(onnx(onnx_tensor(raw=RAW) + field(9, RAW)))),
    "texts outside": (
        "bad_external_data",
        genai(onnx(onnx_tensor(kind=8, external={"location": "data"})), None, data=RAW),
    ),
    "a graph that is a number": ("bad_message", genai(field(1, 8) + field(7, 5))),
    "a version that is a text": ("bad_message", genai(field(1, "8") + WHOLE[2:])),
    "a name that is a number": ("bad_message", genai(onnx(onnx_tensor(raw=RAW) + field(8, 5)))),
    "a name of 5000 letters": ("bad_message", genai(onnx(onnx_tensor("x" * 5000, raw=RAW)))),
    "a name that is no text": ("bad_message", genai(onnx(field(8, b"\xff\xfe")))),
    "a shape of other numbers": ("bad_message", genai(onnx(b"\x0d" + bytes(4) + field(2, 1)))),
    "a packed shape of a hundred": ("bad_message", genai(onnx(field(1, b"\x01" * 100) + field(2, 1)))),
    "a field longer than its message": ("truncated", genai(field(1, 8) + field(7, b"\x0a\x20") + bytes(64))),
    "a number cut off by its message": ("truncated", genai(field(1, 8) + field(7, b"\x0a\x80") + bytes(64))),
    "twenty parts": ("too_many_files", genai(WHOLE, {"model": PARTS | decoder()["model"]})),
    "branches without end": ("too_deep", genai(nested(40))),
    "a context outside": ("unsafe_path", genai(onnx(nodes=[CONTEXT]))),
    "a pointer of git-lfs": ("not_downloaded", genai(b"version https://git-lfs.github.com/spec/v1\noid sha256:0")),
    "a web page": ("not_a_model", genai(b"<!DOCTYPE html>")),
    "two graphs": ("duplicate_graph", genai(WHOLE + WHOLE)),
    "no graph": ("not_onnx", genai(field(1, 8) + field(8, field(2, 21)))),
    "a training": ("training_model", genai(onnx(more=field(20, b"")))),
    "values of another size": ("size_mismatch", genai(onnx(onnx_tensor(raw=RAW[1:])))),
    "a shape that overflows": ("bad_shape", genai(onnx(onnx_tensor(shape=(2**40, 2**40), raw=b"")))),
    "a shape below nothing": ("bad_shape", genai(onnx(onnx_tensor(shape=(2**64 - 1,), raw=b"")))),
    "a hundred dimensions": ("bad_shape", genai(onnx(onnx_tensor(shape=(1,) * 100, raw=b"")))),
    "an unknown type": ("unknown_tensor_type", genai(onnx(onnx_tensor(kind=99, raw=RAW)))),
    "cut off": ("truncated", genai(WHOLE[:-20])),
    "a message longer than the file": ("truncated", genai(b"\x08\x08\x3a\xff\xff\xff\xff\x7f")),
    "a number that does not end": ("bad_message", genai(b"\x08" + b"\xff" * 20)),
    "a group": ("bad_message", genai(b"\x08\x08\x3b\x3c")),
    "a file that is something else": ("bad_message", genai(b"\x89PNG\r\n\x1a\n" + bytes(100))),
    "a decoder above the folder": ("unsafe_path", genai(WHOLE, decoder(filename="../model.onnx"))),
    "a decoder by an absolute path": ("unsafe_path", genai(WHOLE, decoder(filename="/model.onnx"))),
    "a decoder that is missing": ("missing_file", genai(WHOLE, decoder(filename="other.onnx"))),
    "no decoder": ("missing_file", genai(WHOLE, {"model": {}})),
    "another part above the folder": (
        "unsafe_path",
        genai(WHOLE, decoder(pipeline=[{"a": {"filename": "../a.onnx"}}])),
    ),
    "a library to load": ("native_code", genai(WHOLE, decoder(session_options={"custom_ops_library": "x.so"}))),
    "a configuration that is none": ("bad_json", genai(WHOLE, [])),
    "no tokenizer": (
        "missing_tokenizer",
        without(genai(WHOLE), "tokenizer.json"),
    ),
}  # fmt: skip
