"""How a model is loaded and kept: what its owner chose, and what stands where nothing was chosen."""

from msgspec import Struct


class LoadOptions(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """None everywhere: as the settings say. `context` in tokens, `cache_mb` in MB; `keep_alive_s`: seconds without a
    request after which it is unloaded (0: never); `pinned`: never unloaded to make room; `kernels`: Spark's own
    arithmetic for 4-bit weights, where it has one."""

    context: int | None = None
    slots: int | None = None
    threads: int | None = None
    cache_mb: int | None = None
    prompt_lookup: bool | None = None
    keep_alive_s: int | None = None
    pinned: bool | None = None
    kernels: bool | None = None


class OptionsReport(Struct, frozen=True):
    """The three layers, apart: what was saved for the model, what a load would use now, and what the settings say."""

    saved: LoadOptions
    effective: LoadOptions
    default: LoadOptions
