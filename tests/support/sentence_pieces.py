"""A small SentencePiece vocabulary, as `tokenizer.json` with merges and as `tokenizer.model` with scores."""

import json
import struct
from pathlib import Path
from typing import Any

SPACE = "▁"
SPECIAL = ("<unk>", "<s>", "</s>", "<|user|>")
_WORDS = (
    "the",
    "they",
    "there",
    "then",
    "hello",
    "world",
    "model",
    "models",
    "token",
    "tokens",
    "and",
    "answer",
)


def pieces() -> list[str]:
    """Every token in order of its id: special ones, bytes, letters, then beginnings of words, the shortest first."""
    letters = [SPACE, *"abcdefghijklmnopqrstuvwxyz", *".,!?'"]
    spaced = [SPACE + word for word in _WORDS]
    starts = {word[:length] for word in (*_WORDS, *spaced) for length in range(2, len(word) + 1)}
    return [
        *SPECIAL,
        *(f"<0x{byte:02X}>" for byte in range(256)),
        *letters,
        *sorted(starts, key=lambda s: (len(s), s)),
    ]


def write_json(folder: Path) -> None:
    """The vocabulary as a fast tokenizer, merges as transformers derives them: every split, by rank of the whole."""
    vocab = {piece: id for id, piece in enumerate(pieces())}
    merges = [
        [piece[:cut], piece[cut:]]
        for piece in pieces()[len(SPECIAL) + 256 :]
        for cut in range(1, len(piece))
        if piece[:cut] in vocab and piece[cut:] in vocab
    ]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    written: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": id, "content": text, **flags} for id, text in enumerate(SPECIAL)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": SPACE},
                {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": None,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
            "vocab": vocab, "merges": merges,
        },
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(written), encoding="utf-8")
    settings = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def write_model(folder: Path) -> None:
    """The vocabulary as SentencePiece writes it."""
    (folder / "tokenizer.model").write_bytes(model_bytes())


def model_bytes(model_type: int = 2) -> bytes:
    """A `tokenizer.model`: pieces, how it was trained, and that a space is put before every text."""
    listed = pieces()
    kinds = [2, 3, 3, 3] + [6] * 256 + [1] * (len(listed) - 260)
    rows = (_piece(text, -float(id), kind) for id, (text, kind) in enumerate(zip(listed, kinds, strict=True)))
    body = b"".join(_field(1, row) for row in rows)
    return body + _field(2, b"\x18" + bytes([model_type])) + _field(3, b"\x18\x01")


def _piece(text: str, score: float, kind: int) -> bytes:
    return _field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + bytes([kind])


def _field(number: int, data: bytes) -> bytes:
    size, length = len(data), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data
