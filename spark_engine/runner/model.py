"""A loaded model as the runner uses it: its decoder and what turns prompts into its tokens."""

import logging
from collections.abc import Callable
from typing import Self, TypeVar

from msgspec import Struct

from spark_engine.backends import registry
from spark_engine.backends.base import Decoder, LoadStep
from spark_engine.backends.vocabulary import Vocabulary
from spark_engine.errors import SparkError
from spark_engine.protocol.messages import LoadPlan
from spark_engine.runner.grammar_tokens import EarlyTokens
from spark_engine.runner.kv_budget import KvBudget
from spark_engine.runner.prompt import PromptEncoder
from spark_engine.runner.template import ChatTemplate
from spark_engine.types.models import Pooling

log = logging.getLogger(__name__)
Progress = Callable[[LoadStep], None]
_T = TypeVar("_T")


class Model(Struct, frozen=True):
    """Decoder, vocabulary, prompt encoder and cache memory of one loaded model."""

    decoder: Decoder
    vocabulary: Vocabulary
    prompts: PromptEncoder
    kv: KvBudget
    prompt_lookup: bool = True
    pooling: Pooling | None = None
    grammar_tokens: EarlyTokens | None = None

    @classmethod
    def load(cls, plan: LoadPlan, progress: Progress) -> Self:
        """Load what `plan` says; SparkError when it cannot run here, whatever the library threw."""
        return guarded(plan, lambda: cls._load(plan, progress))

    @classmethod
    def _load(cls, plan: LoadPlan, progress: Progress) -> Self:
        backend = registry.find(plan.format, plan.device)
        progress(LoadStep(0.0, "reading the tokenizer"))
        vocabulary = backend.vocabulary(plan)
        template = plan.template or vocabulary.template
        prompts = PromptEncoder(
            vocabulary, ChatTemplate(template) if template else None, forced=bool(plan.template)
        )
        tokens = EarlyTokens(vocabulary)
        decoder = backend.decoder(plan)
        for step in decoder.load(plan):
            progress(step)
        kv = KvBudget(decoder, plan.kv_bytes)
        return cls(decoder, vocabulary, prompts, kv, plan.prompt_lookup, plan.pooling, tokens)


def guarded(plan: LoadPlan, load: Callable[[], _T]) -> _T:
    """What `load` gives; a SparkError instead of whatever else it throws."""
    try:
        return load()
    except (SparkError, MemoryError) as error:
        raise error if isinstance(error, SparkError) else _out_of_memory(plan) from error
    except Exception as error:
        log.error("%s could not be loaded", plan.variant, exc_info=error)
        raise _unreadable(plan, error) from error


def _out_of_memory(plan: LoadPlan) -> SparkError:
    return SparkError(
        "out_of_memory",
        "Not enough memory",
        f"{plan.variant} needs more memory than is free.",
        "Close other programs, choose a smaller model, or load it with a smaller context.",
    )


def _unreadable(plan: LoadPlan, error: Exception) -> SparkError:
    return SparkError(
        "load_failed",
        "The model could not be loaded",
        f"{plan.variant} ({plan.path}): {type(error).__name__}: {str(error)[:800]}",
        "Check that its files are complete; downloading the model again often helps.",
    )
