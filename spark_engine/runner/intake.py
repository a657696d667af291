"""Takes a request in: tokenizes its prompt, refuses what cannot run, and makes the sequence."""

import logging

from spark_engine.errors import ContextExceeded, InvalidRequest, SparkError
from spark_engine.runner.answer import Answer
from spark_engine.runner.detokenizer import Detokenizer
from spark_engine.runner.model import Model
from spark_engine.runner.sampler import Sampler
from spark_engine.runner.sequence import Sequence
from spark_engine.types.chat import ChatPrompt, Prompt
from spark_engine.types.generation import GenerationRequest

log = logging.getLogger(__name__)


class Intake:
    """Makes sequences for one model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._context = model.kv.context

    def sequence(self, request: GenerationRequest) -> Sequence:
        """The sequence of a request; InvalidRequest or ContextExceeded when it cannot run."""
        prompt = self._encode(request.prompt)
        self._check_tokens(prompt, request)
        vocabulary, options, stop = self._model.vocabulary, request.sampling, request.stop
        is_chat = isinstance(request.prompt, ChatPrompt)
        spaced = vocabulary.leading_space and is_chat
        return Sequence(
            request,
            prompt,
            limit=self._limit(len(prompt), stop.max_tokens),
            sampler=Sampler(options, stop, prompt=prompt, eos=vocabulary.eos),
            answer=Answer(request.id, Detokenizer(vocabulary.piece, stop.stop, strip_space=spaced)),
        )

    def _encode(self, prompt: Prompt) -> list[int]:
        try:
            return self._model.prompts.encode(prompt)
        except SparkError:
            raise
        except Exception as error:  # one odd prompt must not cost the other sequences
            log.error("a prompt could not be encoded", exc_info=error)
            text = f"It could not be turned into tokens ({type(error).__name__})."
            raise _invalid("bad_prompt", "The prompt cannot be used", text, prompt) from error

    def _limit(self, prompt: int, max_tokens: int | None) -> int:
        """How many tokens prompt and answer may have together."""
        if prompt >= self._context or prompt + (max_tokens or 0) > self._context:
            raise ContextExceeded(prompt, max_tokens or 0, self._context)
        return self._context if max_tokens is None else prompt + max_tokens

    def _check_tokens(self, prompt: list[int], request: GenerationRequest) -> None:
        size = self._model.decoder.vocab_size
        if not prompt:
            raise _invalid(
                "empty_prompt", "The prompt is empty", "There is nothing to answer.", request.prompt
            )
        if not all(0 <= token < size for token in prompt):
            text = f"Token ids of this model are from 0 to {size - 1}."
            raise _invalid("unknown_token", "The prompt has an unknown token", text, request.prompt)
        if not all(0 <= token < size for token in request.sampling.logit_bias):
            text = f"Token ids of this model are from 0 to {size - 1}."
            raise InvalidRequest("unknown_token", "logit_bias has an unknown token", text, param="logit_bias")


def _invalid(code: str, title: str, message: str, prompt: Prompt) -> InvalidRequest:
    param = "messages" if isinstance(prompt, ChatPrompt) else "prompt"
    return InvalidRequest(code, title, message, "Send a prompt with text.", param=param)
