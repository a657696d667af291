"""Takes a request in: tokenizes its prompt, refuses what cannot run, and makes the sequence."""

import logging

from spark_engine.errors import InvalidRequest, SparkError
from spark_engine.runner.answer import Answer
from spark_engine.runner.detokenizer import Detokenizer
from spark_engine.runner.echo import Echo
from spark_engine.runner.grammar import Grammars
from spark_engine.runner.grammar_form import Form, Make
from spark_engine.runner.grammar_source import source_of
from spark_engine.runner.model import Model
from spark_engine.runner.sampler import Sampler
from spark_engine.runner.sequence import Sequence
from spark_engine.runner.tool_reader import ToolReader
from spark_engine.runner.tool_use import ToolUse
from spark_engine.runner.tool_watch import Piece
from spark_engine.runner.truncation import Fitted, fitted
from spark_engine.types.chat import ChatPrompt, Prompt, TextPrompt
from spark_engine.types.generation import GenerationRequest

log = logging.getLogger(__name__)


class Intake:
    """Makes sequences for one model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._context = model.kv.context
        self._grammars = Grammars(model.vocabulary, model.decoder.vocab_size, model.grammar_tokens)
        self._tools = ToolUse(model.vocabulary, model.prompts.tool_style, self._grammars)

    def begin(self, request: GenerationRequest) -> Sequence:
        """The sequence of a request, but for the rules of its form, which may take a second to compile.

        InvalidRequest or ContextExceeded when it cannot run.
        """
        fit = fitted(request, self._encode, self._model.vocabulary.prefix, self._context)
        prompt = fit.tokens
        self._check_tokens(prompt, request)
        reader, piece = self._reading(request.prompt)
        return Sequence(
            request,
            prompt,
            limit=fit.limit,
            truncation=fit.truncation,
            sampler=Sampler(request.sampling, request.stop, prompt=prompt, eos=self._model.vocabulary.eos),
            answer=Answer(request.id, self._detokenizer(request, piece), reader),
            echo=self._echo(request, fit) if request.echo else None,
        )

    def _echo(self, request: GenerationRequest, fit: Fitted) -> Echo:
        """The prompt told back; InvalidRequest when the model's files give no logits within a prompt."""
        vocabulary, most = self._model.vocabulary, self._model.decoder.max_logits
        if request.sampling.logprobs is not None and most == 1:
            text = f"{self._model.decoder.device} gives log-probabilities of what is new only."
            raise InvalidRequest("unsupported", "echo cannot have log-probabilities here", text, param="echo")
        spoken = request.prompt.text if isinstance(request.prompt, TextPrompt) else None
        return Echo(
            request.id,
            fit.tokens,
            vocabulary.piece,
            alternatives=request.sampling.logprobs,
            longest_piece=most,
            text=spoken if fit.is_whole else None,
            hidden=0 if spoken is None else len(vocabulary.prefix),
        )

    def compile(self, form: Form) -> Make:
        """The rules of a form; InvalidRequest when a grammar or a tool's schema cannot be used. On one thread only."""
        if form.tools:
            return self._tools.compile(form)
        assert form.grammar is not None
        return self._grammars.maker(source_of(form.grammar), form.grammar.param)

    def _detokenizer(self, request: GenerationRequest, piece: Piece) -> Detokenizer:
        """A grammar knows nothing of the space in front that some vocabularies have, so there it counts."""
        is_chat = isinstance(request.prompt, ChatPrompt)
        spaced = self._model.vocabulary.leading_space and is_chat and request.grammar is None
        return Detokenizer(piece, request.stop.stop, strip_space=spaced)

    def _reading(self, prompt: Prompt) -> tuple[ToolReader | None, Piece]:
        """What reads the calls in an answer, if there are tools, and what gives the bytes of its tokens."""
        if isinstance(prompt, ChatPrompt) and prompt.tools:
            return self._tools.reader(prompt), self._tools.piece
        return None, self._model.vocabulary.piece

    def _encode(self, prompt: Prompt) -> list[int]:
        try:
            return self._model.prompts.encode(prompt)
        except SparkError:
            raise
        except Exception as error:  # one odd prompt must not cost the other sequences
            log.error("a prompt could not be encoded", exc_info=error)
            text = f"It could not be turned into tokens ({type(error).__name__})."
            raise _invalid("bad_prompt", "The prompt cannot be used", text, prompt) from error

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
