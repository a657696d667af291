"""Every other model: its own template and tokenizer say all there is to know."""

from spark_engine.catalog.families.family import Family, has_word

FAMILY = Family(name="universal", title="Other")

_RETUNED = ("hermes", "openhermes", "distill", "dolphin", "zephyr", "openchat", "vicuna", "llama-?2")


def is_retuned(name: str) -> bool:
    """Whether a model's name says that it took a known architecture and learnt another form of conversation."""
    return has_word(name, _RETUNED)
