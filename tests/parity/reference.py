"""transformers' own `generate`, the reference that every format is held against."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_engine.backends.folder_vocabulary import FolderVocabulary
from spark_engine.runner.prompt import PromptEncoder
from spark_engine.runner.template import ChatTemplate
from spark_engine.types.chat import ChatMessage, ChatPrompt

PROMPTS, TOKENS = 50, 64
BATCH = 10
OPENINGS = ("How do I", "Please tell me how to", "Repeat: can I", "In one word, may I", "Why should one")
DEEDS = (
    "install it",
    "connect an app to Spark on this machine",
    "load a model without any network",
    "see what the graphics card does",
    "reverse 7 and 12",
    "free memory",
    "stop",
    "choose another language for all of the windows and menus",
    "answer in JSON with the keys name and size",
    "get help",
)


class Expected(NamedTuple):
    """A prompt, the greedy tokens after it, and the log-probabilities [tokens, vocabulary] they were chosen from."""

    prompt: list[int]
    tokens: list[int]
    logprobs: NDArray[np.float32]


def prompts_for(folder: Path) -> list[list[int]]:
    """The tokens of PROMPTS conversations with the model in `folder`, as Spark writes them."""
    vocabulary = FolderVocabulary(folder)
    encoder = PromptEncoder(vocabulary, ChatTemplate(vocabulary.template))
    texts = [f"{opening} {deed}?" for opening in OPENINGS for deed in DEEDS]
    assert len(texts) == PROMPTS
    return [encoder.encode(ChatPrompt((ChatMessage("user", text),))) for text in texts]


def open_reference(folder: Path) -> Any:
    """The model as transformers loads it, in float32."""
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True
    ).eval()
    return model


def expected_answers(model: Any, prompts: list[list[int]], tokens: int = TOKENS) -> list[Expected]:
    """The answers to all prompts, `tokens` tokens each: the tokens that would end them are never chosen."""
    ordered = sorted(prompts, key=len)
    batches = [ordered[begin : begin + BATCH] for begin in range(0, len(ordered), BATCH)]
    return [answer for batch in batches for answer in _generate(model, batch, tokens)]


def _generate(model: Any, prompts: list[list[int]], tokens: int) -> list[Expected]:
    """One call of `generate`, the prompts padded on the left."""
    import torch

    width = max(map(len, prompts))
    padding = [width - len(prompt) for prompt in prompts]
    ids = torch.tensor([[0] * gap + prompt for gap, prompt in zip(padding, prompts, strict=True)])
    mask = torch.tensor([[0] * gap + [1] * (width - gap) for gap in padding])
    with torch.inference_mode():
        told = model.generate(
            ids,
            attention_mask=mask,
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
    logprobs = torch.stack(told.logits, 1).log_softmax(-1).numpy()
    answers = told.sequences[:, width:].tolist()
    return [Expected(*row) for row in zip(prompts, answers, logprobs, strict=True)]
