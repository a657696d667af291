"""Settings in words: where a value comes from, when a change holds, what is wrong with what was typed."""

from app.words import plain
from spark_engine.types.settings import Setting, SettingEntry, SettingValue, parsed

ON_OFF = (("on", True), ("off", False))


def shown(known: Setting, value: SettingValue) -> str:
    """A value for people: `on`, `4096 tokens`, `empty`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value == "":
        return "empty"
    return f"{value} {known.unit}".strip()


def origin_words(entry: SettingEntry) -> tuple[str, str]:
    """Where its value comes from: a word and a sentence."""
    default = f"The default is {shown(entry.setting, entry.setting.default)}."
    match entry.origin:
        case "environment" | "argument":
            told = f"It is set by {entry.where}, which stands over spark.toml: change it there."
            return entry.origin, plain(told)
        case _ if entry.saved is not None:
            return "spark.toml", default
        case _:
            return "default", default


def effect_words(entry: SettingEntry) -> str:
    """When a change of it holds."""
    if entry.waits_for_restart:
        return f"Spark runs with {shown(entry.setting, entry.value)} until the engine is restarted."
    match entry.setting.effect:
        case "now":
            return ""
        case "load":
            return "A change holds from a model's next load on."
        case _:
            return "A change holds after a restart of the engine."


def read(known: Setting, raw: SettingValue) -> SettingValue:
    """What was typed or chosen, in the setting's own type. ValueError with a sentence."""
    text = raw.strip() if isinstance(raw, str) else raw
    try:
        return parsed(known, text)
    except ValueError:
        raise ValueError(f"This must be {known.demand}.") from None
