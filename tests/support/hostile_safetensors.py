"""Hostile and broken SafeTensors folders: why each is refused, and how it is written."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.support import model_files as files
from tests.support.model_files import safetensors, without

Write = Callable[[Path], object]
HUGE = 2**64 - 1


def weights(data: bytes) -> Write:
    return lambda folder: (files.write_beside(folder) / "model.safetensors").write_bytes(data)


def entry(kind: str = "F32", shape: object = (4, 2), offsets: object = (0, 32)) -> dict[str, object]:
    return {"dtype": kind, "shape": shape, "data_offsets": offsets}


def header(data: int = 32, **tensors: object) -> Write:
    return weights(safetensors(tensors, data))


def raw_header(raw: bytes) -> Write:
    return weights(safetensors(raw=raw))


def config(text: str | bytes) -> Write:
    def write(folder: Path) -> None:
        weights(safetensors())(folder)
        (folder / "config.json").write_bytes(text.encode() if isinstance(text, str) else text)

    return write


def index(places: object, *, again: bool = False) -> Write:
    def write(folder: Path) -> None:
        files.write_beside(folder)
        (folder / "a.safetensors").write_bytes(safetensors({"a": entry()}))
        (folder / "b.safetensors").write_bytes(safetensors({"a" if again else "b": entry()}))
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))

    return write


SAFETENSORS: dict[str, tuple[str, Write]] = {
    "shorter than a length": ("truncated", weights(b"\x08")),
    "a pointer of git-lfs": ("not_downloaded", weights(b"version https://git-lfs.github.com/spec/v1\noid sha256:0")),
    "an empty file": ("empty", weights(b"")),
    "header longer than the file": ("truncated", weights(safetensors(length=10**6))),
    "header of 2**64 bytes": ("truncated", weights(safetensors(length=HUGE))),
    "header larger than any": ("header_too_large", raw_header(b'{"a":0}' + b" " * (17 * 2**20))),
    "header that is a list": ("bad_header", raw_header(b"[]")),
    "header that is no JSON": ("bad_header", raw_header(b"{oops}")),
    "header nested without end": ("bad_header", raw_header(b'{"a":' + b"[" * 100_000)),
    "a tensor that is a number": ("bad_header", raw_header(b'{"a":7}')),
    "a tensor with more fields": ("bad_header", header(a=entry() | {"more": 1})),
    "a name that stands twice": (
        "duplicate_key",
        raw_header(b'{"a":%s,"a":%s}' % ((json.dumps(entry()).encode(),) * 2)),
    ),
    "metadata that is no text": ("bad_header", header(__metadata__={"a": 1}, a=entry())),
    "unknown type": ("unknown_tensor_type", header(a=entry("Q4"))),
    "a shape that says more": ("size_mismatch", header(a=entry(shape=[4, 3]))),
    "a shape that overflows": ("size_mismatch", header(a=entry(shape=[2**40, 2**24 + 8]))),
    "a shape below nothing": ("bad_shape", header(a=entry(shape=[-4, -2]))),
    "a shape of 2**60": ("bad_shape", header(a=entry(shape=[2**60]))),
    "offsets the wrong way": ("bad_offsets", header(a=entry(offsets=[32, 0]))),
    "offsets below nothing": ("bad_offsets", header(a=entry(offsets=[-32, 0]))),
    "offsets of 2**70": ("bad_offsets", header(a=entry(offsets=[2**70, 2**70 + 32]))),
    "tensors one over the other": ("overlap", header(48, a=entry(), b=entry(offsets=[16, 48]))),
    "a gap between tensors": ("gap", header(80, a=entry(), b=entry(offsets=[48, 80]))),
    "values that are missing": ("truncated", header(31, a=entry())),
    "values left over": ("trailing_data", header(33, a=entry())),
    "no tensors": ("no_tensors", header(0)),
    "no config.json": (
        "missing_file",
        without(weights(safetensors()), "config.json"),
    ),
    "no tokenizer": (
        "missing_tokenizer",
        without(weights(safetensors()), "tokenizer.json"),
    ),
    "a tokenizer that is none": (
        "bad_json",
        lambda folder: [weights(safetensors())(folder), (folder / "tokenizer.json").write_text("[" * 10**5)],
    ),
    "a configuration that is a list": ("bad_json", config("[]")),
    "a configuration in other letters": ("bad_json", config("{}".encode("utf-16"))),
    "a configuration with NaN": ("bad_json", config('{"rope_theta": NaN}')),
    "a configuration with a number of 5000 digits": ("bad_json", config('{"vocab_size": %s}' % ("9" * 5000))),
    "a configuration nested deeply": ("too_deep", config('{"a":' + "[" * 65 + "]" * 65 + "}")),
    "a configuration nested without end": ("too_deep", config('{"a":' + "[" * 10**5)),
    "a configuration of millions of lists": ("too_complex", config('{"a":[' + "[],{}," * 2_600_000 + "0]}")),
    "a configuration that says two things": (
        "duplicate_key",
        config('{"model_type": "llama", "model_type": "x"}'),
    ),
    "a configuration of 20 MiB": ("too_large", config("{" + " " * (20 * 2**20) + "}")),
    "code of its own": ("remote_code", config(json.dumps({"model_type": "evil", "auto_map": {"AutoModel": "m.M"}}))),
    "a tokenizer's own code": (
        "remote_code",
        lambda folder: [
            weights(safetensors())(folder),
            (folder / "tokenizer.json").rename(folder / "tokenizer.model"),
            (folder / "tokenizer_config.json").write_text('{"auto_map": {}}'),
        ],
    ),
    "a template of two mebibytes": (
        "too_large",
        lambda folder: [weights(safetensors())(folder), (folder / "chat_template.jinja").write_text("x" * 2**21)],
    ),
    "a template of two mebibytes in a configuration": (
        "template_too_large",
        lambda folder: [
            weights(safetensors())(folder),
            (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x" * 2**21})),
        ],
    ),
    "a shard whose header begins with a space": (
        "bad_header",
        lambda folder: [
            index({"a": "a.safetensors", "b": "b.safetensors"})(folder),
            (folder / "a.safetensors").write_bytes(safetensors(raw=b" {}")),
        ],
    ),
    "shards out of the folder": ("unsafe_path", index({"a": "../a.safetensors"})),
    "shards in another folder": ("unsafe_path", index({"a": "inner/a.safetensors"})),
    "shards by an absolute path": ("unsafe_path", index({"a": "/etc/passwd"})),
    "a shard that is missing": ("missing_file", index({"a": "c.safetensors"})),
    "a tensor that is in no shard": ("missing_tensor", index({"a": "a.safetensors", "z": "b.safetensors"})),
    "a tensor in the wrong shard": ("bad_index", index({"a": "b.safetensors", "b": "a.safetensors"})),
    "a tensor in two shards": ("duplicate_tensor", index({"a": "a.safetensors", "x": "b.safetensors"}, again=True)),
    "an index that lists nothing": ("bad_index", index({})),
    "an index that lists numbers": ("bad_index", index({"a": 1})),
    "an adapter": (
        "only_a_part",
        lambda folder: [
            (folder / "adapter_model.safetensors").write_bytes(safetensors()),
            (folder / "adapter_config.json").write_text("{}"),
        ],
    ),
}  # fmt: skip
