"""The tokens of a model folder as GGUF lists them: byte-level BPE, or SentencePiece with its scores."""

import json
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.backends.convert.failures import unsupported
from spark_engine.backends.convert.sentencepiece import BPE, SentencePieceModel, read_model
from spark_engine.backends.torch_errors import bad_files

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""GGUF's kinds of tokens."""
_MISSING = -1e4
_SPACE = "▁"
_BYTES = frozenset(f"<0x{byte:02X}>" for byte in range(256))


class Tokens(Struct, frozen=True):
    """`model`: llama.cpp's name of the algorithm, `gpt2` (byte-level BPE) or `llama` (SentencePiece). `merges` only for
    the first, `scores` only for the second. `adds_space`: before every text. `whole_words`: a word that is a token
    stays one, whatever the merges say."""

    model: str
    texts: list[str]
    kinds: list[int]
    merges: list[str]
    scores: list[float]
    adds_space: bool = False
    whole_words: bool = False


def read_tokens(folder: Path, size: int) -> Tokens:
    """The first `size` tokens, as many as the model has rows; what has no text is called so and never used.

    Unavailable when llama.cpp knows no such tokenizer.
    """
    file = folder / "tokenizer.json"
    described = _json(file) if file.is_file() else {}
    if (folder / "tokenizer.model").is_file():
        return _cut(_sentence_pieces(read_model(folder / "tokenizer.model"), _added(folder, described)), size)
    if not described:
        raise bad_files(folder, "it has neither tokenizer.json nor tokenizer.model")
    return _cut(_from_json(described), size)


def _from_json(described: dict[str, Any]) -> Tokens:
    model = described.get("model") or {}
    if model.get("type") != "BPE" or not isinstance(model.get("vocab"), dict):
        raise unsupported(
            f"its tokenizer is of the kind {str(model.get('type'))[:40]!r}; llama.cpp needs BPE here"
        )
    merges = [tuple(m.split(" ", 1)) if isinstance(m, str) else tuple(m) for m in model.get("merges") or ()]
    texts, kinds = _listed(model["vocab"])
    _add(texts, kinds, described.get("added_tokens") or [])
    if _is_byte_level(described):
        whole = bool(model.get("ignore_merges"))
        return Tokens("gpt2", texts, kinds, [" ".join(merge) for merge in merges], [], whole_words=whole)
    if not model.get("byte_fallback"):
        raise unsupported("its tokenizer works neither on bytes nor falls back to them")
    return _scored(texts, kinds, merges, str(model.get("unk_token") or ""), _adds_space(described))


def _scored(
    texts: list[str], kinds: list[int], merges: list[tuple[str, ...]], unknown: str, adds_space: bool
) -> Tokens:
    """SentencePiece's BPE from the order of merges: what is merged first scores highest."""
    ranks: dict[str, float] = {}
    for rank, merge in enumerate(merges):
        ranks.setdefault("".join(merge), -float(rank))
    least = -float(len(merges))
    scores = [ranks.get(text, least) for text in texts]
    for place, text in enumerate(texts):
        if kinds[place] == NORMAL and text in _BYTES:
            kinds[place] = BYTE
        elif text == unknown:
            kinds[place] = UNKNOWN
    return Tokens("llama", texts, kinds, [], scores, adds_space)


def _sentence_pieces(model: SentencePieceModel, added: list[dict[str, Any]]) -> Tokens:
    if model.model_type != BPE:
        raise unsupported("its tokenizer.model is no BPE, which llama.cpp needs for this family")
    texts, kinds = [piece.text for piece in model.pieces], [piece.kind for piece in model.pieces]
    scores = [piece.score for piece in model.pieces]
    _add(texts, kinds, added)
    return Tokens("llama", texts, kinds, [], scores, model.adds_space)


def _listed(vocab: dict[str, int]) -> tuple[list[str], list[int]]:
    """Texts and kinds by id; ids that no token has are unused."""
    texts = [f"[PAD{id}]" for id in range(max(vocab.values(), default=-1) + 1)]
    kinds = [UNUSED] * len(texts)
    for text, id in vocab.items():
        texts[id], kinds[id] = text, NORMAL
    return texts, kinds


def _add(texts: list[str], kinds: list[int], added: list[dict[str, Any]]) -> None:
    """Put the tokens that were added after training where they belong."""
    for token in added:
        id, text = token.get("id"), token.get("content")
        if not isinstance(id, int) or not isinstance(text, str) or not 0 <= id < 2**24:
            continue
        for place in range(len(texts), id + 1):
            texts.append(f"[PAD{place}]")
            kinds.append(UNUSED)
        if kinds[id] != UNKNOWN:
            kinds[id] = CONTROL if token.get("special") else USER
        texts[id] = text


def _added(folder: Path, described: dict[str, Any]) -> list[dict[str, Any]]:
    """Added tokens as the folder tells them: in tokenizer.json, tokenizer_config.json or added_tokens.json."""
    if described.get("added_tokens"):
        return list(described["added_tokens"])
    config = _json(folder / "tokenizer_config.json").get("added_tokens_decoder") or {}
    listed = [{**token, "id": int(id)} for id, token in config.items() if id.isdecimal()]
    extra = _json(folder / "added_tokens.json")
    return listed or [{"id": id, "content": text, "special": False} for text, id in extra.items()]


def _cut(tokens: Tokens, size: int) -> Tokens:
    """Exactly `size` tokens."""
    pad = range(len(tokens.texts), size)
    scores = tokens.scores + [_MISSING for _ in pad]
    return replace(
        tokens,
        texts=tokens.texts[:size] + [f"[PAD{id}]" for id in pad],
        kinds=tokens.kinds[:size] + [UNUSED for _ in pad],
        scores=(scores + [_MISSING] * (size - len(scores)))[:size] if tokens.scores else [],
    )


def _is_byte_level(described: dict[str, Any]) -> bool:
    return any(part.get("type") == "ByteLevel" for part in _parts(described.get("pre_tokenizer")))


def _adds_space(described: dict[str, Any]) -> bool:
    """Whether a space is put before every text, by the normalizer or by what cuts the text up."""
    parts = [*_parts(described.get("normalizer")), *_parts(described.get("pre_tokenizer"))]
    return any(
        (part.get("type") == "Prepend" and part.get("prepend") == _SPACE)
        or (part.get("type") == "Metaspace" and part.get("prepend_scheme", "always") != "never")
        for part in parts
    )


def _parts(described: Any) -> list[dict[str, Any]]:
    """A normalizer or pre-tokenizer and, where it is a sequence, all that it is made of."""
    if not isinstance(described, dict):
        return []
    inner = [*(described.get("normalizers") or ()), *(described.get("pretokenizers") or ())]
    return [described, *(part for one in inner for part in _parts(one))]


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise bad_files(file.parent, f"{file.name} cannot be read: {error}") from error
    return value if isinstance(value, dict) else {}
