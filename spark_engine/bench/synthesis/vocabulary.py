"""The synthetic models' vocabulary: every ordinary token is a readable word, so that every token is text at once."""

import json
from itertools import islice, product
from pathlib import Path
from typing import Any

SPECIAL = (
    "<|endoftext|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|/tool|>", "<|tool_call|>",
    "<|/tool_call|>", "<|tool_response|>",
)  # fmt: skip
FIRST, SECOND = "bcdfghjklmnpq", "aeiorstuvwxyz"
"""Letters that begin and end a pair: no pair spans two others, so merges never compete."""
BYTES = 256
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
PLAIN = len(SPECIAL) + BYTES
"""Ids below are special tokens or single bytes; the weights make sure that none of them is ever the likeliest."""


def words(size: int) -> list[str]:
    """The words of a vocabulary of `size` tokens that are one token each, after a space too."""
    return _words(_pairs(), size)[: (size - PLAIN - len(_pairs())) // 2]


def tokens_and_merges(size: int) -> tuple[list[str], list[tuple[str, str]]]:
    """All tokens in order of id, as byte-level BPE writes them, and how they are merged from bytes."""
    pairs, space = _pairs(), byte_letters()[ord(" ")]
    made = _words(pairs, size)
    spaced = made[: size - PLAIN - len(pairs) - len(made)]
    merges = [(pair[0], pair[1]) for pair in pairs]
    merges += [(word[:2], word[2:]) for word in made] + [(space, word) for word in spaced]
    tokens = [*SPECIAL, *byte_letters(), *("".join(merge) for merge in merges)]
    assert len(tokens) == size == len(set(tokens))
    return tokens, merges


def write_tokenizer(folder: Path, size: int) -> None:
    """The files transformers and Spark read: tokenizer.json, its settings, and the chat template."""
    settings: dict[str, Any] = {f"{kind}_token": SPECIAL[0] for kind in ("bos", "eos", "pad", "unk")}
    settings |= {
        "chat_template": TEMPLATE,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": False,
    }
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(size)), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")


def byte_letters() -> list[str]:
    """The letter that stands for each byte in byte-level BPE: itself where it can be seen, else one from 256 on."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(BYTES) if byte not in seen]
    return [chr(byte if byte in seen else BYTES + hidden.index(byte)) for byte in range(BYTES)]


def _pairs() -> list[str]:
    return [first + second for first, second in product(FIRST, SECOND)]


def _words(pairs: list[str], size: int) -> list[str]:
    """Words of two pairs: half of the tokens that remain, the larger half when they are odd."""
    count = (size - PLAIN - len(pairs) + 1) // 2
    return ["".join(two) for two in islice(product(pairs, pairs), count)]


def _tokenizer(size: int) -> dict[str, Any]:
    tokens, merges = tokens_and_merges(size)
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
        "vocab": {token: id for id, token in enumerate(tokens)}, "merges": merges,
    }  # fmt: skip
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [{"id": id, "content": text, **flags} for id, text in enumerate(SPECIAL)],
        "pre_tokenizer": level, "decoder": level, "model": model,
    }  # fmt: skip
