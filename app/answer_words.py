"""An answer's figures in words: the line below it, and where its time went."""

from app.chats.talk import Turn
from app.words import counted, duration
from spark_engine.types.quantities import speed


def figures(turn: Turn, name: str = "") -> str:
    """The line below an answer: speed, time to the first token, length, who answered; `name` is the model's."""
    done = turn.finished
    if done is None:
        return "Stopped" if turn.progress == "stopped" else ""
    parts = [
        speed(done.timings.tokens_per_second) if done.timings.tokens_per_second else "",
        f"first token after {duration(done.timings.first_token_ms)}",
        counted(done.usage.completion_tokens, "token", "tokens"),
        " on ".join(part for part in (name or done.served.model, done.served.device) if part),
        "cut off at the longest answer allowed" if done.reason == "length" else "",
        _left_out(turn.left_out),
    ]
    return "  ·  ".join(part for part in parts if part)


def timing_words(turn: Turn) -> str:
    """Where the time of an answer went, a line each; empty when that is not known."""
    done = turn.finished
    if done is None:
        return ""
    times, usage = done.timings, done.usage
    kept = f", {usage.cached_tokens} of them kept from before" if usage.cached_tokens else ""
    lines = [
        f"Waiting in the queue: {duration(times.queue_ms)}",
        f"Loading the model: {duration(times.load_ms)}" if times.load_ms else "",
        f"Reading {counted(usage.prompt_tokens, 'token', 'tokens')}{kept}: {duration(times.prefill_ms)}",
        f"Writing {counted(usage.completion_tokens, 'token', 'tokens')}: {duration(times.decode_ms)}",
        f"Answered by {done.served.model}",
    ]
    return "\n".join(line for line in lines if line)


def _left_out(messages: int) -> str:
    if not messages:
        return ""
    return f"the oldest {counted(messages, 'message', 'messages')} did not fit and {_were(messages)} left out"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
