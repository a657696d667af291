"""The vocabulary of a model folder: `tokenizer.json`, its special tokens, end tokens and chat template."""

import json
import re
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from spark_engine.backends.pieces import PieceStyle
from spark_engine.backends.vocabulary import SpecialToken
from spark_engine.errors import Unavailable

_CONTROL = re.compile(r"<\|[^|>]*\|>|<\|?/?[a-z_]+\|>")
_SHOWN = frozenset(("<|tool_call|>", "<|/tool_call|>"))


class FolderVocabulary:
    """The vocabulary of the model in `folder`. Unavailable when its tokenizer cannot be read."""

    suffix: tuple[int, ...] = ()

    def __init__(self, folder: Path) -> None:
        self._tokenizer = read_tokenizer(folder / "tokenizer.json")
        self._tokenizer.encode_special_tokens = True
        self.size = self._tokenizer.get_vocab_size(with_added_tokens=True)
        added = self._tokenizer.get_added_tokens_decoder()
        self.special = {
            token.content: SpecialToken(id, token.content, token.lstrip, token.rstrip)
            for id, token in added.items()
            if token.special or _CONTROL.fullmatch(token.content)
        }
        self._special_ids = frozenset(token.id for token in self.special.values())
        self._added = {id: token.content for id, token in added.items()}
        self._style = PieceStyle.of(self._tokenizer)
        self._pieces: dict[int, bytes] = {}
        settings = _json(folder / "tokenizer_config.json")
        self.eos = _eos(folder, self.special)
        self.template = _template(folder, settings)
        self.variables = _variables(settings)
        self.prefix = tuple(id for id in self._tokenizer.encode("").ids if id not in self.eos)
        self.leading_space = self._style.leading_space

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text; where a special token comes out, that part is tokenized in smaller parts."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        if self._special_ids.isdisjoint(ids):
            return ids
        return [id for part in self._parts(text) for id in self.encode(part)]

    def piece(self, token: int) -> bytes:
        """The bytes of a token; special tokens are silent, except the marks of tool calls."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._piece(token)
        return known

    def _piece(self, token: int) -> bytes:
        added = self._added.get(token)
        if added is not None:
            silent = token in self._special_ids and added not in _SHOWN
            return b"" if silent else added.encode()
        text = self._tokenizer.id_to_token(token)
        return b"" if text is None else self._style.bytes(text)

    def _parts(self, text: str) -> list[str]:
        """Text cut inside the first special token it spells; into characters when it spells none openly."""
        places = [text.find(special) for special in self.special]
        found = [place for place in places if place >= 0 and len(text) > 1]
        if found:
            cut = min(found) + 1
            return [text[:cut], text[cut:]]
        return list(text) if len(text) > 1 else []


def read_tokenizer(file: Path) -> Tokenizer:
    """The tokenizer of a `tokenizer.json`; Unavailable when it cannot be read."""
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:
        raise Unavailable(
            "bad_tokenizer",
            "The model's tokenizer cannot be read",
            f"{file}: {str(error)[:300]}",
            "Download the model again.",
        ) from error


def _json(file: Path) -> dict[str, Any]:
    """A JSON object from a file; empty when there is no such file."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Unavailable(
            "bad_model_file",
            "A file of the model cannot be read",
            f"{file}: {error}",
            "Download the model again.",
        ) from error
    return value if isinstance(value, dict) else {}


def _eos(folder: Path, special: dict[str, SpecialToken]) -> frozenset[int]:
    """Every id that the model's files call an end, and `<|end|>` by name."""
    named = [
        _json(folder / "generation_config.json").get("eos_token_id"),
        _json(folder / "genai_config.json").get("model", {}).get("eos_token_id"),
        _json(folder / "config.json").get("eos_token_id"),
    ]
    ids = {
        id for value in named for id in (value if isinstance(value, list) else [value]) if isinstance(id, int)
    }
    return frozenset(ids | {special[text].id for text in ("<|end|>",) if text in special})


def _template(folder: Path, settings: dict[str, Any]) -> str:
    """The chat template's source; empty when there is none."""
    try:
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    except FileNotFoundError:
        pass
    given = settings.get("chat_template")
    if isinstance(given, list):
        named = {entry.get("name"): entry.get("template") for entry in given if isinstance(entry, dict)}
        given = named.get("default")
    return given if isinstance(given, str) else ""


def _variables(settings: dict[str, Any]) -> dict[str, str]:
    """The texts of begin, end, padding and unknown token, as templates may print them."""
    names = ("bos_token", "eos_token", "pad_token", "unk_token")
    given = {name: settings.get(name) for name in names}
    texts = {name: v.get("content") if isinstance(v, dict) else v for name, v in given.items()}
    return {name: text for name, text in texts.items() if isinstance(text, str)}
