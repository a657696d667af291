"""The load options as people meet them: their names, what a value means, and reading what was typed."""

from msgspec import Struct

from app.words import duration, tokens
from spark_engine.types.options import LoadOptions

Value = int | bool | None
MOST_DIGITS = 9


class OptionEntry(Struct, frozen=True):
    """One option: its field in `LoadOptions`, its word, and what stands beside the field. `is_choice`: yes or no."""

    field: str
    word: str
    unit: str = ""
    is_choice: bool = False


OPTIONS = (
    OptionEntry("context", "Context", "tokens"),
    OptionEntry("slots", "Requests at once", "more of them wait"),
    OptionEntry("threads", "Threads", "0: every core"),
    OptionEntry("cache_mb", "Cache", "MB; 0: half of what is free"),
    OptionEntry("keep_alive_s", "Unload when idle for", "seconds; 0: never"),
    OptionEntry("pinned", "Pinned", "never unloaded to make room", is_choice=True),
    OptionEntry("prompt_lookup", "Guess repeated text", "same answers, sooner", is_choice=True),
    OptionEntry("kernels", "Own 4-bit arithmetic", "ONNX and Q4_0 GGUF, faster", is_choice=True),
)
AT_LOADING = ("context", "slots", "threads", "cache_mb", "prompt_lookup", "kernels")
"""These hold from the next load on; the others at once."""


def option_words(field: str, value: Value) -> str:
    """A value for people; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    match field:
        case "context":
            return tokens(value) if value % 1024 == 0 else f"{value:,} tokens"
        case "threads":
            return "every core" if value == 0 else str(value)
        case "cache_mb":
            return "half of free" if value == 0 else f"{value:,} MB"
        case "keep_alive_s":
            return "never" if value == 0 else duration(value * 1000)
        case _:
            return str(value)


def read_number(text: str) -> int | None:
    """What was typed as a number, `4096` or `4k`; None for nothing. ValueError when it is none."""
    plain = text.strip().lower().replace(",", "").replace(" ", "")
    if not plain:
        return None
    times = 1024 if plain.endswith("k") else 1
    digits = plain.removesuffix("k")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MOST_DIGITS):
        raise ValueError("This is not a whole number.")
    return int(digits) * times


def over_saved(
    chosen: LoadOptions, saved: LoadOptions, effective: LoadOptions, default: LoadOptions
) -> LoadOptions:
    """What would hold if `chosen` were saved, as a question about the fit needs it: nothing is left out."""

    def value(field: str) -> Value:
        wanted = getattr(chosen, field)
        if wanted is not None:
            return wanted
        return getattr(effective if getattr(saved, field) is None else default, field)

    return LoadOptions(**{field: value(field) for field in LoadOptions.__struct_fields__})  # type: ignore[arg-type]
