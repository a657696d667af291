"""Which tokens begin, end and fill a text, and the chat template, as GGUF's metadata."""

from pathlib import Path
from typing import Any

from spark_engine.backends.convert.tokens import Tokens
from spark_engine.backends.folder_vocabulary import FolderVocabulary
from spark_engine.catalog.convert.source import read_json

_ENDS = ("eos", "eot", "eom")


def write_special(writer: Any, folder: Path, tokens: Tokens) -> None:
    """Add the roles of tokens and the template to the file's metadata."""
    settings = read_json(folder / "tokenizer_config.json")
    places = {text: id for id, text in enumerate(tokens.texts)}
    named = {role: places.get(_text(settings.get(f"{role}_token"))) for role in ("bos", "pad", "unk", "eos")}
    first, last = _around(folder, named["bos"], settings)
    named["bos"] = named["bos"] if first is None else first
    for role in ("bos", "pad", "unk"):
        if (id := named[role]) is not None:
            getattr(writer, f"add_{role}_token_id")(id)
    ends = _ends(folder, named["eos"], len(tokens.texts))
    for role, id in zip(_ENDS, ends, strict=False):
        getattr(writer, f"add_{role}_token_id")(id)
    writer.add_add_bos_token(first is not None)
    writer.add_add_eos_token(last)
    if template := _template(folder, settings):
        writer.add_chat_template(template)


def _ends(folder: Path, named: int | None, size: int) -> list[int]:
    """Every token that ends an answer, the one that the tokenizer names first."""
    given = [
        read_json(folder / name).get("eos_token_id") for name in ("generation_config.json", "config.json")
    ]
    flat = [id for value in given for id in (value if isinstance(value, list) else [value])]
    ids = [named, *flat]
    return list(dict.fromkeys(id for id in ids if isinstance(id, int) and 0 <= id < size))


def _around(folder: Path, named: int | None, settings: dict[str, Any]) -> tuple[int | None, bool]:
    """The token that the tokenizer puts before every text (None: none does), and whether one comes behind it."""
    if (folder / "tokenizer.json").is_file():
        return next(iter(FolderVocabulary(folder).prefix), None), False
    return named if settings.get("add_bos_token", True) else None, bool(settings.get("add_eos_token", False))


def _template(folder: Path, settings: dict[str, Any]) -> str:
    if (folder / "tokenizer.json").is_file():
        return FolderVocabulary(folder).template
    given = settings.get("chat_template")
    return given if isinstance(given, str) else ""


def _text(value: Any) -> str:
    """A token's text, plain or within its description."""
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else ""
