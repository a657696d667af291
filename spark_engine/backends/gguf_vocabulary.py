"""The vocabulary inside a GGUF file: tokens, special tokens, end tokens and chat template, through llama.cpp."""

import ctypes
import weakref
from collections.abc import Iterator
from pathlib import Path

from spark_engine.backends.control_text import cut, is_control, is_shown
from spark_engine.backends.gguf_library import llama
from spark_engine.backends.gguf_model import GgufModel, open_vocabulary
from spark_engine.backends.vocabulary import SpecialToken

_NAMES = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}
_ENDS = ("eos", "eot", "eom")
_SENTENCE_PIECE = 1
_LONGEST_PIECE = 256


class GgufVocabulary:
    """The vocabulary of the model in `file`. Unavailable when llama.cpp cannot read it."""

    suffix: tuple[int, ...] = ()

    def __init__(self, file: Path) -> None:
        model = open_vocabulary(file)
        weakref.finalize(self, model.close)
        self._pointer = model.vocabulary
        self.size = model.vocab_size
        self.special = {token.text: token for token in self._special_tokens()}
        self._special_ids = {token.id: token.text for token in self.special.values()}
        named = {name: _token_id(model, name, self.size) for name in (*_NAMES.values(), *_ENDS)}
        self.eos = self._end_tokens(named)
        self.template = model.metadata("tokenizer.chat_template")
        self.variables = {
            key: self._text(id) for key, name in _NAMES.items() if (id := named[name]) is not None
        }
        adds_bos = llama.llama_vocab_get_add_bos(self._pointer) and named["bos"] is not None
        self.prefix = (int(llama.llama_vocab_bos(self._pointer)),) if adds_bos else ()
        self.leading_space = (
            llama.llama_vocab_type(self._pointer) == _SENTENCE_PIECE
            and model.metadata("tokenizer.ggml.add_space_prefix") != "false"
        )
        self._pieces: dict[int, bytes] = {}

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text; where a special token comes out, that part is tokenized in smaller parts.

        llama.cpp itself leaves control tokens alone here, but not the special tokens that a file calls its own.
        """
        ids = self._tokenize(text.encode())
        if self._special_ids.keys().isdisjoint(ids):
            return ids
        return [id for part in cut(text, self.special) for id in self.encode(part)]

    def piece(self, token: int) -> bytes:
        """The bytes of a token; special tokens are silent, except the marks of tool calls."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._piece(token)
        return known

    def _piece(self, token: int) -> bytes:
        special = self._special_ids.get(token)
        if special is not None:
            return special.encode() if is_shown(special) else b""
        if not 0 <= token < self.size:
            return b""
        buffer = ctypes.create_string_buffer(_LONGEST_PIECE)
        length = llama.llama_token_to_piece(self._pointer, token, buffer, len(buffer), 0, False)
        if length < 0:
            buffer = ctypes.create_string_buffer(-length)
            length = llama.llama_token_to_piece(self._pointer, token, buffer, len(buffer), 0, False)
        return buffer.raw[:length]

    def _tokenize(self, data: bytes) -> list[int]:
        room = len(data) + 2
        ids = (ctypes.c_int32 * room)()
        count = llama.llama_tokenize(self._pointer, data, len(data), ids, room, False, False)
        if count < 0:
            ids = (ctypes.c_int32 * -count)()
            count = llama.llama_tokenize(self._pointer, data, len(data), ids, -count, False, False)
        return list(ids[:count])

    def _special_tokens(self) -> Iterator[SpecialToken]:
        """Control tokens, and those of the file's own that are written like one."""
        for id in range(self.size):
            kind = llama.llama_vocab_get_attr(self._pointer, id)
            if not kind & (llama.LLAMA_TOKEN_ATTR_CONTROL | llama.LLAMA_TOKEN_ATTR_USER_DEFINED):
                continue
            text = self._text(id)
            if text and (kind & llama.LLAMA_TOKEN_ATTR_CONTROL or is_control(text)):
                left, right = kind & llama.LLAMA_TOKEN_ATTR_LSTRIP, kind & llama.LLAMA_TOKEN_ATTR_RSTRIP
                yield SpecialToken(id, text, bool(left), bool(right))

    def _end_tokens(self, named: dict[str, int | None]) -> frozenset[int]:
        """What the file names as an end, and special tokens that llama.cpp knows as one by their text."""
        known = {id for id in self._special_ids if llama.llama_vocab_is_eog(self._pointer, id)}
        return frozenset(known | {id for name in _ENDS if (id := named[name]) is not None})

    def _text(self, id: int) -> str:
        return bytes(llama.llama_vocab_get_text(self._pointer, id) or b"").decode("utf-8", "replace")


def _token_id(model: GgufModel, name: str, size: int) -> int | None:
    """The id that the file gives a role; None when it names none. llama.cpp would assume one by family."""
    text = model.metadata(f"tokenizer.ggml.{name}_token_id")
    return int(text) if text.isdecimal() and int(text) < size else None
