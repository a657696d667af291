"""What the folder of a model that embeds or scores says about it, and its tokenizer."""

from pathlib import Path
from typing import Any

from msgspec import Struct

from spark_engine.backends.encoder import Text
from spark_engine.backends.folder_vocabulary import read_tokenizer
from spark_engine.backends.pooling_files import read_object, read_pooling
from spark_engine.catalog.kinds import model_kind
from spark_engine.errors import Unavailable
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.models import ModelKind, Pooling

_UNKNOWN_LENGTH = 512
_MOST_LENGTH = 1_000_000  # tokenizers write a huge number where they know no limit
# Their positions begin after the padding token's number.
_OFFSET_POSITIONS = frozenset(("camembert", "mpnet", "roberta", "xlm-roberta", "xlm-roberta-xl"))


class EncoderFiles(Struct, frozen=True):
    """A model's folder. `longest`: tokens of the longest text; `padding`: the token that fills shorter ones up."""

    folder: Path
    kind: ModelKind
    vocab_size: int
    longest: int
    padding: int
    pooling: Pooling | None


def read_encoder(plan: LoadPlan) -> EncoderFiles:
    """What lies in the plan's folder. Unavailable when it cannot be used."""
    folder = Path(plan.path)
    config = read_object(folder / "config.json")
    vocab_size, padding = config.get("vocab_size"), config.get("pad_token_id")
    if not isinstance(vocab_size, int) or not 0 < vocab_size < 2**24:
        raise unfit(folder, "config.json does not say how many tokens there are")
    return EncoderFiles(
        folder=folder,
        kind=model_kind(plan.format, folder),
        vocab_size=vocab_size,
        longest=min(plan.context, _longest(folder, config)),
        padding=padding if isinstance(padding, int) and 0 <= padding < vocab_size else 0,
        pooling=read_pooling(folder),
    )


class FolderEncoding:
    """The tokenizer in a plan's folder. Unavailable when it cannot be read."""

    def __init__(self, plan: LoadPlan) -> None:
        self._tokenizer = read_tokenizer(Path(plan.path) / "tokenizer.json")
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def text(self, text: str) -> Text:
        """One text in its frame."""
        return _read(self._tokenizer.encode(text))

    def pair(self, text: str, other: str) -> Text:
        """Two texts in the frame of a pair."""
        return _read(self._tokenizer.encode(text, other))


def unfit(folder: Path, what: str) -> Unavailable:
    """The files are broken, or of a kind that Spark does not run."""
    return Unavailable(
        "bad_model_files",
        "The model's files cannot be used",
        f"{folder}: {what}.",
        "Download the model again, or choose another model.",
    )


def _read(encoding: Any) -> Text:
    return Text(encoding.ids, encoding.type_ids)


def _longest(folder: Path, config: dict[str, Any]) -> int:
    """The least of what the files allow; the tokenizer's word counts where the model's own is not given."""
    given = [
        read_object(folder / "sentence_bert_config.json").get("max_seq_length"),
        read_object(folder / "tokenizer_config.json").get("model_max_length"),
        _positions(config),
    ]
    known = [int(n) for n in given if isinstance(n, int | float) and 0 < n <= _MOST_LENGTH]
    return min(known, default=_UNKNOWN_LENGTH)


def _positions(config: dict[str, Any]) -> int | None:
    positions = config.get("max_position_embeddings")
    if not isinstance(positions, int):
        return None
    padding = config.get("pad_token_id")
    is_offset = config.get("model_type") in _OFFSET_POSITIONS and isinstance(padding, int)
    return positions - padding - 1 if is_offset and padding is not None else positions
