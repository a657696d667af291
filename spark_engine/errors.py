"""Every error people can meet, in one family.

SparkError                     code, title, message, remedy, http status
├── InvalidRequest      400    a field is wrong; `param` is its path
│   ├── ContextExceeded 400    the prompt does not fit, with the exact counts
│   ├── ContextTooLarge 400    the model cannot be loaded with so large a context
│   └── CannotEmbed     400    the model gives no vectors
├── NotAllowed          403    foreign Host or Origin, or a control call without the owner's token
│   └── AppRefused      403    an app that the owner of this machine has blocked
├── NotFound            404    unknown model, request or component
├── Conflict            409    not possible in the present state
├── TimedOut            504    the time is over
│   └── DeadlineExceeded 504   an answer was not ready in the time its client had for it
├── Unavailable         503    cannot be served now: loading failed, runner crashed, component missing,
stopping
│   └── NotEnoughMemory 503    a model needs more memory than can be made free
└── StartRefused               the program cannot start: busy port, second engine
"""

from typing import ClassVar

from spark_engine.types.fit import Fit
from spark_engine.types.quantities import size


class SparkError(Exception):
    """An error with what happened (`title`), what it means (`message`) and what to do (`remedy`)."""

    status: ClassVar[int] = 500

    def __init__(
        self, code: str, title: str, message: str, remedy: str = "", *, param: str | None = None
    ) -> None:
        super().__init__(f"{title}: {message}")
        self.code, self.title, self.message, self.remedy, self.param = code, title, message, remedy, param


class InvalidRequest(SparkError):
    """The request is wrong and would be wrong again."""

    status = 400


class ContextExceeded(InvalidRequest):
    """The prompt and the wanted answer do not fit into the model's context. `least_tokens`: those of the prompt without
    all that may be left out of it."""

    def __init__(
        self, prompt_tokens: int, max_tokens: int, context: int, least_tokens: int | None = None
    ) -> None:
        self.prompt_tokens, self.max_tokens, self.context = prompt_tokens, max_tokens, context
        wanted = f" and {max_tokens} tokens of answer were asked for" if max_tokens else ""
        least = "" if least_tokens is None else f" Without its oldest messages it still has {least_tokens}."
        super().__init__(
            "context_length_exceeded",
            "The prompt is too long",
            f"The prompt has {prompt_tokens} tokens{wanted}; this model's context holds {context}.{least}",
            "Shorten the prompt or the conversation, or load the model with a larger context.",
            param="messages",
        )


class ContextTooLarge(InvalidRequest):
    """A model was to be loaded with more context than it computes exactly here."""

    def __init__(self, wanted: int, exact: int) -> None:
        super().__init__(
            "context_too_large",
            "The context is too large",
            f"This model can be run with up to {exact} tokens of context here; {wanted} were asked for.",
            f"Set models.context to {exact} or less.",
            param="context",
        )


class TimedOut(SparkError):
    """What was asked took too long."""

    status = 504


class DeadlineExceeded(TimedOut):
    """An answer was not ready in the time its client had for it."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__(
            "deadline_exceeded",
            "The answer came too late",
            f"It was not finished within the {seconds or 0:g} s that the request allows.",
            "Allow more time, ask for fewer tokens, or try again when less is running.",
        )


class CannotEmbed(InvalidRequest):
    """Embeddings were asked of a loaded model that cannot give them."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "model_cannot_embed",
            "This model cannot embed",
            f"It gives no vectors here: {why}.",
            "Choose another variant of the model, or a model made for embeddings.",
            param="model",
        )


class NotAllowed(SparkError):
    """The caller may not do this."""

    status = 403


class AppRefused(NotAllowed):
    """The owner of this machine has blocked the app that asks."""

    def __init__(self, id: str, name: str) -> None:
        super().__init__(
            "app_blocked",
            "This app may not use Spark",
            f"{name} was blocked by the owner of this machine.",
            f"Allow it again in Spark's window under Apps, or with `spark apps unblock {id}`.",
        )


class NotFound(SparkError):
    """There is no such thing."""

    status = 404


class Conflict(SparkError):
    """Right in itself, but not in the present state."""

    status = 409


class Unavailable(SparkError):
    """Spark cannot serve this now; later it may."""

    status = 503


class NotEnoughMemory(Unavailable):
    """A model was to be loaded that needs more memory than there is, even when idle models make room for it.

    `budget`: the setting `models.memory_mb` is what limits it.
    """

    def __init__(self, variant: str, fit: Fit, *, budget: bool = False) -> None:
        self.fit = fit
        whose = "Spark's models may take" if budget else "can be made free"
        largest = fit.largest_context
        smaller = (
            f"It would fit with a context of {largest} tokens." if largest else "It fits with no context."
        )
        super().__init__(
            "not_enough_memory",
            "Not enough memory",
            f"{variant} with a context of {fit.context} tokens needs {size(fit.needed_bytes)}; "
            f"{size(fit.free_bytes)} {whose}. {smaller}",
            _more_memory(largest, budget),
        )


def _more_memory(largest: int, budget: bool) -> str:
    """What helps against too little memory."""
    free = "raise models.memory_mb" if budget else "close other programs"
    if largest:
        return f"Load it with a context of {largest} tokens or less, unload other models, or {free}."
    return f"Choose a smaller model or variant, unload other models, or {free}."


class StartRefused(SparkError):
    """The program cannot start as asked."""
