"""The tooltip of the tray icon: state, model, speed, memory, downloads; a pure function of the state."""

from collections.abc import Iterator

from app.headline import Headline, display_name, model_words, served_now
from app.words import counted
from spark_engine.types.downloads import is_running, progress_words
from spark_engine.types.quantities import size, speed
from spark_engine.types.state import EngineState

LONGEST = 127
"""What Windows shows of a tooltip."""


def tooltip(now: Headline, state: EngineState | None) -> str:
    """A few lines, as many as have room; the state first."""
    said = f"Spark: {now.line}"
    for line in _lines(state) if state else ():
        if len(said) + 1 + len(line) <= LONGEST:
            said = f"{said}\n{line}"
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"


def _lines(state: EngineState) -> Iterator[str]:
    if served_now(state):
        yield model_words(state)
    metrics = state.metrics
    own = metrics.engine_bytes + metrics.runner_bytes
    rate = f"{speed(metrics.tokens_per_second)}, " if metrics.tokens_per_second else ""
    if own:
        yield f"{rate}{size(own)} of memory in use"
    coming = [d for d in state.downloads.values() if is_running(d)]
    if len(coming) == 1:
        yield f"{display_name(state, coming[0].id)}: {progress_words(coming[0])}"
    elif coming:
        yield counted(len(coming), "download", "downloads")
