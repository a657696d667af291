"""Settings as every layer knows them: what one may be, what was chosen for it, and the words where that is wrong."""

import re
from typing import Any, Literal

from msgspec import Struct

SettingValue = int | float | bool | str
Origin = Literal["default", "file", "environment", "argument"]
Effect = Literal["now", "load", "restart"]
"""When a change holds: at once, with the next load of a model, or once the engine has been started again."""
ENV_PREFIX = "SPARK_"
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


class Setting(Struct, frozen=True):
    """One setting. `key` is `section.name` as in `spark.toml`; the environment variable is `SPARK_SECTION_NAME`.

    `label` is its name for people (empty: made of the key); `effect` says when a change of it holds. A text has to
    match `pattern` (empty: anything); `form` says in words what that is.
    """

    key: str
    default: SettingValue
    sentence: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    label: str = ""
    effect: Effect = "restart"
    pattern: str = ""
    form: str = ""

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return ENV_PREFIX + self.key.replace(".", "_").upper()

    @property
    def section(self) -> str:
        """The table of `spark.toml` that it stands in."""
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        """What it is called for people."""
        return self.label or self.key.partition(".")[2].replace("_", " ").capitalize()

    @property
    def demand(self) -> str:
        """What a value has to be, as the rest of a sentence: `a whole number from 1 to 64`."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.form:
            return self.form
        kind = _KINDS[type(self.default)]
        if self.minimum is not None and self.maximum is not None:
            return f"{kind} from {self.minimum:.0f} to {self.maximum:.0f}"
        return kind


class SettingEntry(Struct, frozen=True):
    """A setting of the running engine: the value it runs with and where that came from, and what the file says
    (`saved`, None: nothing). `group` is the name of its section for people; `where` names the environment variable or
    argument that the file cannot override.
    """

    value: SettingValue
    origin: Origin
    setting: Setting
    group: str = ""
    saved: SettingValue | None = None
    where: str = ""

    @property
    def is_locked(self) -> bool:
        """Whether the file has no say in it."""
        return self.origin in ("environment", "argument")

    @property
    def wanted(self) -> SettingValue:
        """What the file and the defaults say, whatever the engine runs with."""
        return self.setting.default if self.saved is None else self.saved

    @property
    def waits_for_restart(self) -> bool:
        """Whether the engine runs with another value than the file says."""
        return not self.is_locked and self.wanted != self.value


def parsed(known: Setting, raw: Any) -> SettingValue:
    """`raw` in the setting's own type; text is converted. ValueError where it is not what `known.demand` says."""
    value = _converted(known, raw)
    if isinstance(value, str):
        allowed = not known.choices or value in known.choices
        allowed = allowed and (not known.pattern or re.fullmatch(known.pattern, value) is not None)
    else:
        low, high = known.minimum, known.maximum
        allowed = (low is None or value >= low) and (high is None or value <= high)
    if not allowed:
        raise ValueError(raw)
    return value


def _converted(known: Setting, raw: Any) -> SettingValue:
    kind = type(known.default)
    if known.pattern and type(raw) is int:
        return str(raw)
    if kind is bool:
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and raw.lower() in _WORDS:
            return _WORDS[raw.lower()]
        raise ValueError(raw)
    if isinstance(raw, bool) or not isinstance(raw, (kind, str)):
        raise ValueError(raw)
    return kind(raw)
