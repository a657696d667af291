"""Whether a model runs on this machine and how fast, in words and as a mark."""

from msgspec import Struct

from app.widgets.chip import Shape
from app.words import tokens
from spark_engine.types.fit import Fit
from spark_engine.types.quantities import size, speed


class Badge(Struct, frozen=True):
    """A mark with a word: `tone` and `shape` are a chip's, `detail` are the figures behind it."""

    word: str
    tone: str
    shape: Shape
    detail: str


def fit_badge(fit: Fit) -> Badge:
    """`fits`, `fits with 8k context` or `needs 3.0 GB more`."""
    match fit.verdict:
        case "fits":
            return Badge("fits", "ok", "check", _figures(fit))
        case "smaller_context":
            word = f"fits with {tokens(fit.largest_context).removesuffix(' tokens')} context"
            return Badge(word, "warn", "triangle", _figures(fit))
        case "too_large":
            return Badge(f"needs {size(fit.missing_bytes)} more", "bad", "cross", _figures(fit))


def speed_words(fit: Fit) -> str:
    """`9.4 tok/s measured`, `about 9 tok/s`; empty when unknown."""
    rate = fit.tokens_per_second
    if rate <= 0:
        return ""
    return f"{speed(rate)} measured" if fit.measured else f"about {rough(rate)} tok/s"


def outlook(fit: Fit) -> str:
    """What this machine will reach, as a sentence; for a model that is not here yet."""
    rate = speed_words(fit)
    match fit.verdict:
        case "fits":
            return f"It fits this machine{_at(rate)}."
        case "smaller_context":
            return f"It fits this machine with a context of {tokens(fit.largest_context)}{_at(rate)}."
        case "too_large":
            return f"It needs {size(fit.missing_bytes)} of memory more than is free now."


def rough(rate: float) -> str:
    """A predicted rate, no more exact than it is known: two figures at most."""
    if rate < 1:
        return f"{rate:.1f}"
    return f"{rate:.0f}" if rate < 100 else f"{round(rate, -1):.0f}"


def _at(rate: str) -> str:
    return f" and writes {rate}" if rate else ""


def _figures(fit: Fit) -> str:
    parts = f"{size(fit.weights_bytes)} weights, {size(fit.cache_bytes)} cache, {size(fit.working_bytes)} for working"
    asked = f"With a context of {tokens(fit.context)} it takes {size(fit.needed_bytes)} of memory ({parts})."
    left = fit.free_bytes - fit.needed_bytes
    after = f"; {size(left)} free after" if left >= 0 else ""
    return f"{asked} {size(fit.free_bytes)} are free now{after}."
