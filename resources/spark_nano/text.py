"""The tokenizer of spark-nano and Phi-4-mini's chat form in token ids."""

import random
from pathlib import Path
from typing import Any

from corpus.mix import ASSISTANT, SPELLED
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = [
    "<|endoftext|>",
    "<|end|>",
    "<|endofprompt|>",
    "<|assistant|>",
    "<|user|>",
    "<|system|>",
    "<|tool|>",
    "<|/tool|>",
    "<|tool_call|>",
    "<|/tool_call|>",
    "<|tool_response|>",
]
TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] "
    "is not none %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + "
    "'<|/tool|>' + '<|end|>' }}{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"
)
IGNORE = -100


def new_tokenizer(texts: list[str], size: int) -> Tokenizer:
    """A byte-level BPE with digits and spaces alone: a word has the same tokens wherever it stands, so it can be copied."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[\r\n]| |\p{N}|\p{L}+|\p{P}+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, special_tokens=SPECIAL, initial_alphabet=alphabet)
    )
    return made


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer kept in a file."""
    return Tokenizer.from_file(str(path))


def prompt_text(turns: list[tuple[str, str]]) -> str:
    """The turns as text, ready for the assistant to answer."""
    said = (f"<|{role.split(',')[0]}|>{content}<|end|>" for role, content in turns)
    return "".join(said) + "<|assistant|>"


class Encoder:
    """Turns conversations into ids and labels; prompts are sometimes cut into smaller pieces, as typos would."""

    def __init__(self, tokenizer: Tokenizer, dropout: float) -> None:
        self.plain = tokenizer
        self.loose: Any = Tokenizer.from_str(tokenizer.to_str())
        self.loose.model.dropout = dropout

    def encode(self, turns: list[tuple[str, str]], rng: random.Random) -> tuple[list[int], list[int]]:
        """Ids, and labels on what the assistant says only."""
        reader = self.loose if rng.random() < 0.1 else self.plain
        ids: list[int] = []
        labels: list[int] = []
        for role, content in turns:
            said = role in (ASSISTANT, SPELLED)
            head = self.plain.encode("<|assistant|>" if said else f"<|{role}|>").ids
            pieces = list(content) if role == SPELLED else [content]
            tokens = [t for piece in pieces for t in (self.plain if said else reader).encode(piece).ids]
            body = tokens + self.plain.encode("<|end|>").ids
            ids += head + body
            labels += [IGNORE] * len(head) + (body if said else [IGNORE] * len(body))
        return ids, labels
