"""What a model predicts, token by token: the logits for every token of an answer, its own or a given one."""

import os
from typing import Any

import numpy as np

from spark_engine.backends import device_env
from spark_engine.backends.base import SlotInput
from spark_engine.bench.contestants.child import Streams, Timelines, serve
from spark_engine.bench.contestants.order import load_plan
from spark_engine.errors import InvalidRequest
from spark_engine.runner.model import Model
from spark_engine.types.chat import ChatMessage, ChatPrompt, TextPrompt

SLOT = 0


class Scorer:
    """Writes logits [tokens of the answer, vocabulary] into files."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def measure(self, streams: Streams) -> Timelines:
        """For each stream its `prompt` and `answer` in tokens, and the logits in its `file`.

        A stream with a `text` gets the model's own greedy answer of at most `tokens`; one with `prompt` and `answer` is
        read as it stands.
        """
        return [self._own(stream) if "text" in stream else self._given(stream) for stream in streams]

    def _own(self, stream: dict[str, Any]) -> dict[str, Any]:
        prompt = self._prompt(stream["text"])
        answer, rows = [], [self._forward(0, prompt)]
        while True:
            answer.append(int(rows[-1].argmax()))
            if len(answer) >= stream["tokens"] or answer[-1] in self._model.vocabulary.eos:
                break
            rows.append(self._forward(len(prompt) + len(answer) - 1, answer[-1:]))
        return self._kept(stream["file"], rows, prompt, answer)

    def _prompt(self, text: str) -> list[int]:
        """The text as a message, or as it stands where the model knows no messages."""
        try:
            return self._model.prompts.encode(ChatPrompt((ChatMessage("user", text),)))
        except InvalidRequest:
            return self._model.prompts.encode(TextPrompt(text))

    def _given(self, stream: dict[str, Any]) -> dict[str, Any]:
        prompt, answer = stream["prompt"], stream["answer"]
        rows = [self._forward(0, prompt)]
        for place, token in enumerate(answer[:-1]):
            rows.append(self._forward(len(prompt) + place, [token]))
        return self._kept(stream["file"], rows, prompt, answer)

    def _forward(self, position: int, tokens: list[int]) -> Any:
        """The logits after these tokens; a copy, as the decoder uses its memory again."""
        (logits,) = self._model.decoder.forward([SlotInput(SLOT, position, tokens, True)])
        assert logits is not None
        return logits.copy()

    def _kept(self, file: str, rows: list[Any], prompt: list[int], answer: list[int]) -> dict[str, Any]:
        self._model.decoder.free(SLOT)
        np.save(file, np.stack(rows))
        return {"prompt": prompt, "answer": answer}


def open_scorer(order: dict[str, Any]) -> Scorer:
    """Load the ordered model."""
    device_env.prepare(os.environ)
    return Scorer(Model.load(load_plan(order), lambda step: None))


if __name__ == "__main__":
    serve(open_scorer)
