"""Finds the name under which llama.cpp cuts text up just as the model's own tokenizer does, by trying them."""

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from spark_engine.backends.convert.failures import unsupported
from spark_engine.backends.convert.tokens import CONTROL, Tokens
from spark_engine.backends.folder_vocabulary import read_tokenizer
from spark_engine.backends.gguf_library import llama

NAMES = (
    "llama-bpe", "qwen2", "gpt-4o", "tekken", "gpt-2", "smollm", "deepseek-llm", "deepseek-coder", "deepseek-v3",
    "qwen35", "falcon", "starcoder", "refact", "command-r", "olmo", "dbrx", "smaug-bpe", "stablelm2", "mpt", "bloom",
    "poro-chat", "chatglm-bpe", "viking", "minerva-7b", "exaone", "superbpe", "seed-coder", "hunyuan", "kimi-k2",
)  # fmt: skip
"""What llama.cpp knows, the most frequent first."""
WHOLE_WORDS = frozenset(("llama-bpe", "tekken"))
"""Names with which a word that is a token stays one."""
PLAIN = "default"
PROBES = (
    "Hello, World! It's 2026; we'll see what they've done, I'm sure, and you'd agree. DON'T SHOUT, don't 'S.",
    "  two leading spaces,\ttabs\t\tand   runs    of     spaces   \n\n\nempty lines\r\n and trailing   ",
    "Numbers: 1 12 123 1234 12345 1234567890, 3.14159, 1,000,000; ½ ² ٣٤٥ 一二三; v1.2.3-rc4",
    'def f(x: int) -> str:\n    if x >= 10 and x != 0xFF:\n\t\treturn f"{x:>08.3f}"  # comment\n\n\nclass A_b: pass',
    "Grüße aus Köln, cafés à Montréal, naïve señor; Привет, мир! Γειά σου Κόσμε. שלום עולם مرحبا بالعالم",
    "你好，世界！今天天气很好。 こんにちは世界、カタカナも。 안녕하세요 세계! สวัสดีชาวโลก नमस्ते दुनिया",
    "Emoji: 😀😃👩‍👩‍👧‍👦🏳️‍🌈 ✓✗→ ©®™ €£¥ …“quoted” ‘single’ — dash – en; !!! ??? ... ((())) [[{}]] //\\\\ ===",
    "camelCase PascalCase snake_case UPPER_CASE iPhone eBay McDonald's O'Neill rock'n'roll I'LL WE'VE",
    "https://example.org/a/b?c=d&e=f#g user@example.com C:\\Users\\me\\file.txt ~/.config/x.toml $HOME `code` **bold**",
    "a\nb\n\nc\n \n d\n  \n   e\r\n\r\nf\t\n\t\ng \n\n  h",
)
"""Texts that tell cutters apart: contractions, digits, white space, letters of many scripts, marks and symbols."""


def find_name(folder: Path, tokens: Tokens, write: Callable[[str], Path]) -> str:
    """The first name with which llama.cpp tokenizes all probes as the folder's tokenizer.json does.

    `write` makes a file with the vocabulary under a name. Without a tokenizer.json there is nothing to compare.
    Unavailable when no name gives the same tokens.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        return PLAIN
    wanted = list(_expected(read_tokenizer(file), tokens))
    for name in names_for(tokens):
        if _tokenized(write(name), [text for text, _ in wanted]) == [ids for _, ids in wanted]:
            return name
    raise unsupported("llama.cpp cuts text into other tokens than its tokenizer.json does")


def names_for(tokens: Tokens) -> list[str]:
    """The names to try: first those that treat whole words as this tokenizer does."""
    if tokens.model != "gpt2":
        return [PLAIN]
    return sorted(NAMES, key=lambda name: (name in WHOLE_WORDS) != tokens.whole_words)


def _expected(tokenizer: Tokenizer, tokens: Tokens) -> Iterator[tuple[str, list[int]]]:
    """Each probe that spells no special token, with its tokens."""
    special = [text for text, kind in zip(tokens.texts, tokens.kinds, strict=True) if kind == CONTROL]
    for probe in PROBES:
        if not any(text in probe for text in special):
            yield probe, list(tokenizer.encode(probe, add_special_tokens=False).ids)


def _tokenized(file: Path, texts: list[str]) -> list[list[int]] | None:
    """What llama.cpp makes of the texts with the file's vocabulary; None when it does not take the file."""
    params = llama.llama_model_default_params()
    params.vocab_only = True
    model = llama.llama_model_load_from_file(str(file).encode(), params)
    if not model:
        return None
    try:
        vocabulary = llama.llama_model_get_vocab(model)
        return [_tokenize(vocabulary, text.encode()) for text in texts]
    finally:
        llama.llama_model_free(model)


def _tokenize(vocabulary: Any, data: bytes) -> list[int]:
    room = 2 * len(data) + 8
    ids = (ctypes.c_int32 * room)()
    count = llama.llama_tokenize(vocabulary, data, len(data), ids, room, False, False)
    return list(ids[: max(0, count)])
