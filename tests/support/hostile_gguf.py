"""Hostile and broken GGUF files: why each is refused, and how it is written into a folder."""

import struct
from collections.abc import Callable
from pathlib import Path

from tests.support.model_files import (
    ARRAY,
    BOOL,
    F32,
    I32,
    METADATA,
    STRING,
    U8,
    U32,
    U64,
    gguf,
    tensor,
    text,
    without,
)

Write = Callable[[Path], object]
HUGE = 2**64 - 1


def gguf_file(data: bytes) -> Write:
    return lambda folder: (folder / "m.gguf").write_bytes(data)


def with_values(**changed: tuple[int, object]) -> Write:
    return gguf_file(gguf(METADATA | {key.replace("__", "."): value for key, value in changed.items()}))


def with_tensors(*tensors: bytes, data: int = 1024) -> Write:
    return gguf_file(gguf(tensors=tensors, data=data))


def extra(data: bytes) -> Write:
    """A file with one more value, as raw bytes behind its key."""
    return gguf_file(gguf(counts=(2, len(METADATA) + 1), extra=text("x") + data))


def many_texts(folder: Path) -> None:
    """A file with a hole in which nine million empty texts fit."""
    extra(struct.pack("<IIQ", 9, 8, 9_000_000))(folder)
    with (folder / "m.gguf").open("r+b") as file:
        file.truncate(80_000_000)


def split(no: int = 1, count: int = 2, total: int = 4, *, same: bool = False) -> Write:
    """Two parts; `same`: with tensors of the same names."""

    def write(folder: Path) -> None:
        for part, number in (("00001", 0), ("00002", no)):
            said = {
                "split.no": (U32, number),
                "split.count": (U32, count),
                "split.tensors.count": (I32, total),
            }
            first = "" if same else part
            names = [tensor(f"{first}.{letter}", (64, 2), 0, at) for letter, at in (("a", 0), ("b", 512))]
            (folder / f"big-{part}-of-00002.gguf").write_bytes(gguf(METADATA | said, names))

    return write


GGUF: dict[str, tuple[str, Write]] = {
    "only the magic": ("truncated", gguf_file(b"GGUF")),
    "header cut off": ("truncated", gguf_file(gguf()[:20])),
    "metadata cut off": ("truncated", gguf_file(gguf()[:100])),
    "tensors smaller than declared": ("truncated", with_tensors(tensor("a", (64, 2)), data=511)),
    "one tensor far larger than the file": ("truncated", with_tensors(tensor("a", (2**30, 2**20)))),
    "file larger than its tensors": ("trailing_data", with_tensors(tensor("a", (64, 2)), data=513)),
    "dimensions that overflow": ("bad_shape", with_tensors(tensor("a", (2**42 + 1, 2**22)))),
    "dimensions of 2**63": ("bad_shape", with_tensors(tensor("a", (2**63, 2)))),
    "a dimension of nothing": ("bad_shape", with_tensors(tensor("a", (0, 2)))),
    "nine dimensions": ("bad_shape", with_tensors(tensor("a", (1,) * 9))),
    "rows that are no whole blocks": ("bad_shape", with_tensors(tensor("a", (33, 2), 8))),
    "a block type without dimensions": ("bad_shape", with_tensors(tensor("a", (), 8))),
    "unknown tensor type": ("unknown_tensor_type", with_tensors(tensor("a", (64, 2), 99))),
    "a type that files do not have": ("unknown_tensor_type", with_tensors(tensor("a", (256,), 15))),
    "tensors one over the other": ("overlap", with_tensors(tensor("a", (64, 2)), tensor("b", (64, 2), 0, 256))),
    "a gap between tensors": ("gap", with_tensors(tensor("a", (64, 2)), tensor("b", (32,), 0, 576))),
    "first tensor not at the beginning": ("gap", with_tensors(tensor("a", (64, 2), 0, 32))),
    "offset of no alignment": ("misaligned", with_tensors(tensor("a", (64, 2)), tensor("b", (64,), 0, 513))),
    "offset behind the end of the world": ("misaligned", with_tensors(tensor("a", (64, 2), 0, HUGE))),
    "two tensors of one name": ("duplicate_tensor", with_tensors(tensor("a", (64, 2)), tensor("a", (64,), 0, 512))),
    "a tensor's name too long": ("bad_name", with_tensors(tensor("a" * 64, (64, 2)))),
    "a tensor's name of 2**64 bytes": ("bad_name", with_tensors(struct.pack("<Q", HUGE))),
    "2**64 tensors": ("truncated", gguf_file(gguf(counts=(HUGE, len(METADATA))))),
    "2**64 values": ("too_many_values", gguf_file(gguf(counts=(2, HUGE)))),
    "more tensors than are there": ("bad_name", gguf_file(gguf(counts=(3, len(METADATA))))),
    "no tensors": ("no_tensors", gguf_file(gguf(tensors=[], data=0))),
    "alignment of nothing": ("bad_alignment", with_values(general__alignment=(U32, 0))),
    "alignment of 33": ("bad_alignment", with_values(general__alignment=(U32, 33))),
    "alignment of a gibibyte": ("bad_alignment", with_values(general__alignment=(U32, 2**30))),
    "alignment as another type": ("bad_alignment", with_values(general__alignment=(U64, 32))),
    "a key that stands twice": (
        "duplicate_key",
        gguf_file(
            gguf(counts=(2, len(METADATA) + 1), extra=text("general.name") + struct.pack("<I", 8) + text("b"))
        ),
    ),
    "a value of an unknown type": (
        "unknown_value_type",
        gguf_file(gguf(counts=(2, len(METADATA) + 1), extra=text("x") + struct.pack("<I", 13))),
    ),
    "a list of 2**64 texts": (
        "too_many_values",
        gguf_file(gguf(counts=(2, len(METADATA) + 1), extra=text("x") + struct.pack("<IIQ", 9, 8, HUGE))),
    ),
    "a list of 2**62 numbers": (
        "truncated",
        gguf_file(gguf(counts=(2, len(METADATA) + 1), extra=text("x") + struct.pack("<IIQ", 9, 10, 2**62))),
    ),
    "lists within lists": (
        "nested_list",
        gguf_file(gguf(counts=(2, len(METADATA) + 1), extra=text("x") + struct.pack("<IIQ", 9, 9, 1))),
    ),
    "a text of 2**63 bytes": (
        "truncated",
        gguf_file(gguf(counts=(2, len(METADATA) + 1), extra=text("x") + struct.pack("<IQ", 8, 2**63))),
    ),
    "a key that is no text": (
        "bad_name",
        gguf_file(gguf(counts=(2, len(METADATA) + 1), extra=text(b"\xff") + struct.pack("<IB", 0, 1))),
    ),
    "neither true nor false": ("bad_value", with_values(x=(BOOL, 2))),
    "numbers the other way round": ("big_endian", gguf_file(gguf(version=3 << 24))),
    "version 1": ("unknown_version", gguf_file(gguf(version=1))),
    "version 99": ("unknown_version", gguf_file(gguf(version=99))),
    "no architecture": ("no_architecture", gguf_file(gguf({"general.name": (STRING, "x")}))),
    "an architecture with a path": ("no_architecture", with_values(general__architecture=(STRING, "../llama"))),
    "more layers than llama.cpp has room for": ("too_many_layers", with_values(llama__block_count=(U32, 513))),
    "scores that are bytes": (
        "bad_tokenizer",
        with_values(tokenizer__ggml__scores=(ARRAY, (U8, [1, 1]))),
    ),
    "token types that are bytes": (
        "bad_tokenizer",
        with_values(tokenizer__ggml__token_type=(ARRAY, (U8, [1, 1]))),
    ),
    "fewer scores than tokens": ("bad_tokenizer", with_values(tokenizer__ggml__scores=(ARRAY, (F32, [1.0])))),
    "tokens that are a text": ("bad_tokenizer", with_values(tokenizer__ggml__tokens=(STRING, "ab"))),
    "a byte token of no byte": (
        "bad_token",
        with_values(tokenizer__ggml__tokens=(ARRAY, (STRING, ["<0x-1>", "b"]))),
    ),
    "a chat template of two mebibytes": (
        "template_too_large",
        with_values(tokenizer__chat_template=(STRING, "x" * 2**21)),
    ),
    "what turns pictures into input": ("only_a_part", with_values(general__architecture=(STRING, "clip"))),
    "a part missing": (
        "missing_file",
        without(split(), "big-00002-of-00002.gguf"),
    ),
    "only a later part": ("split_part", without(split(), "big-00001-of-00002.gguf")),
    "parts with the same tensors": ("duplicate_tensor", split(same=True)),
    "nine million texts": ("too_many_values", many_texts),
    "texts of 34 mebibytes": (
        "header_too_large",
        with_values(**{f"x{number}": (STRING, "x" * 2**20) for number in range(34)}),
    ),
    "lists of two million numbers": (
        "header_too_large",
        with_values(**{f"x{number}": (ARRAY, (U8, [1] * 4096)) for number in range(520)}),
    ),
    "a list of an unknown type": ("unknown_value_type", extra(struct.pack("<IIQ", 9, 13, 1))),
    "a list that is cut off": ("truncated", extra(struct.pack("<IIQ", 9, 4, 4000))),
    "a part of another place": ("bad_split", split(no=0)),
    "parts that hold too little": ("bad_split", split(total=5)),
    "a count of parts that its name does not say": ("bad_split", split(count=3)),
    "a format older than GGUF": ("old_format", gguf_file(b"lmgg" + bytes(100))),
    "a pointer of git-lfs": ("not_downloaded", gguf_file(b"version https://git-lfs.github.com/spec/v1\noid x")),
    "a web page": ("not_a_model", gguf_file(b"<!DOCTYPE html><html>")),
    "nothing at all": ("empty", gguf_file(b"")),
}  # fmt: skip
