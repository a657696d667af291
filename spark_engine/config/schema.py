"""The one list of settings: type, default, unit, range and a sentence for each."""

import os

from msgspec import Struct

SettingValue = int | float | bool | str
ENV_PREFIX = "SPARK_"


class Setting(Struct, frozen=True):
    """One setting. `key` is `section.name` as in `spark.toml`; the environment variable is
    `SPARK_SECTION_NAME`.
    """

    key: str
    default: SettingValue
    sentence: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return ENV_PREFIX + self.key.replace(".", "_").upper()


SETTINGS: tuple[Setting, ...] = (
    Setting("server.port", 8910, "Port of the API on 127.0.0.1.", minimum=1, maximum=65535),
    Setting(
        "server.health_port", 8911, "Port of the health check; 0 switches it off.", minimum=0, maximum=65535
    ),
    Setting("server.metrics_port", 8912, "Port of the metrics; 0 switches it off.", minimum=0, maximum=65535),
    Setting("server.max_body_mb", 4, "Largest request body that is read.", unit="MB", minimum=1, maximum=64),
    Setting(
        "server.request_timeout_s",
        30,
        "Time a client has to send its request.",
        unit="s",
        minimum=1,
        maximum=600,
    ),
    Setting(
        "server.require_owner_for_inference",
        False,
        "Ask for the owner's token on inference calls too.",
    ),
    Setting("models.default", "", "Model that `auto` means; empty lets Spark choose."),
    Setting("models.preload", True, "Load the default model when the engine starts."),
    Setting(
        "models.context",
        4096,
        "Tokens of prompt and answer together that a loaded model holds per request.",
        unit="tokens",
        minimum=128,
        maximum=131072,
    ),
    Setting("models.slots", 8, "Requests one model runs at the same time.", minimum=1, maximum=64),
    Setting(
        "models.threads",
        0,
        "Threads a model computes with; 0 takes every physical core.",
        minimum=0,
        maximum=256,
    ),
    Setting(
        "models.prompt_lookup",
        True,
        "Guess repeated text and check several tokens at once where it pays; answers stay the same.",
    ),
    Setting(
        "models.cache_mb",
        0,
        "Memory for the conversations that one model keeps in mind; 0 takes half of what is free when it is loaded.",
        unit="MB",
        minimum=0,
        maximum=4194304,
    ),
    Setting(
        "models.keep_alive_s",
        0,
        "Time without a request after which a model is unloaded; 0 keeps it.",
        unit="s",
        minimum=0,
        maximum=604800,
    ),
    Setting(
        "models.memory_mb",
        0,
        "Memory that all loaded models together may take; 0 lets Spark use what is free.",
        unit="MB",
        minimum=0,
        maximum=4194304,
    ),
    Setting(
        "models.folders",
        "",
        f"Further folders with models, used where they lie; several are separated by {os.pathsep!r}.",
    ),
    Setting(
        "models.other_apps", True, "Look for models that other programs have on this machine, and use them."
    ),
    Setting(
        "hub.endpoint",
        "",
        "Address of the model hub or a mirror of it; empty takes HF_ENDPOINT, else https://huggingface.co.",
    ),
    Setting("hub.offline", False, "Fetch nothing from the network."),
    Setting(
        "hub.parallel_files", 4, "Files of a model that are fetched at the same time.", minimum=1, maximum=16
    ),
    Setting("queue.max_waiting", 256, "Requests that may wait; more are refused.", minimum=0, maximum=10000),
    Setting("log.level", "info", "How much the logs say.", choices=("debug", "info", "warning", "error")),
)


def setting(key: str) -> Setting:
    """The setting with this key; KeyError when there is none."""
    return _BY_KEY[key]


_BY_KEY = {s.key: s for s in SETTINGS}
