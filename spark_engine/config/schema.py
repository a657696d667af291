"""The one list of settings: name, type, default, unit, range, a sentence for each, and when a change of it holds."""

import os

from spark_engine.types.ecosystem import MEMBERS
from spark_engine.types.settings import ENV_PREFIX as ENV_PREFIX
from spark_engine.types.settings import Setting as Setting
from spark_engine.types.settings import SettingValue as SettingValue

SECTIONS = {
    "server": "Server",
    "models": "Models",
    "hub": "Model hub",
    "queue": "Queue",
    "chat": "Chat",
    "ecosystem": "Ecosystem",
    "log": "Logs",
}
"""The tables of `spark.toml` and their names for people; any other is named by its word."""

LOCAL_ADDRESS = r"|\d{1,5}|https?://(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|localhost|\[::1\])(:\d{1,5})?/?"
ECOSYSTEM = tuple(
    Setting(
        f"ecosystem.{id}",
        str(port),
        f"Where {name} listens: a port or an address of this machine; empty does not look for it.",
        label=name,
        effect="now",
        pattern=LOCAL_ADDRESS,
        form="a port, an address of this machine such as http://127.0.0.1:8960, or nothing",
    )
    for id, (name, port) in MEMBERS.items()
)

SETTINGS: tuple[Setting, ...] = (
    Setting("server.port", 8910, "Port of the API on 127.0.0.1.", minimum=1, maximum=65535, label="Port"),
    Setting(
        "server.health_port",
        8911,
        "Port of the health check; 0 switches it off.",
        minimum=0,
        maximum=65535,
        label="Health port",
    ),
    Setting(
        "server.metrics_port",
        8912,
        "Port of the metrics; 0 switches it off.",
        minimum=0,
        maximum=65535,
        label="Metrics port",
    ),
    Setting(
        "server.max_body_mb",
        4,
        "Largest request body that is read.",
        unit="MB",
        minimum=1,
        maximum=64,
        label="Largest request",
    ),
    Setting(
        "server.request_timeout_s",
        30,
        "Time a client has to send its request.",
        unit="s",
        minimum=1,
        maximum=600,
        label="Time for a request to arrive",
    ),
    Setting(
        "server.require_owner_for_inference",
        False,
        "Ask for the owner's token on inference calls too.",
        label="Only the owner may ask models",
        effect="now",
    ),
    Setting(
        "models.default",
        "",
        "Model that `auto` means; empty lets Spark choose.",
        label="Default model",
        effect="now",
    ),
    Setting(
        "models.preload",
        True,
        "Load the default model when the engine starts.",
        label="Load at start",
        effect="now",
    ),
    Setting(
        "models.context",
        4096,
        "Tokens of prompt and answer together that a loaded model holds per request.",
        unit="tokens",
        minimum=128,
        maximum=131072,
        label="Context",
        effect="load",
    ),
    Setting(
        "models.slots",
        8,
        "Requests one model runs at the same time.",
        minimum=1,
        maximum=64,
        label="Requests at the same time",
        effect="load",
    ),
    Setting(
        "models.threads",
        0,
        "Threads a model computes with; 0 takes every physical core.",
        minimum=0,
        maximum=256,
        label="Threads",
        effect="load",
    ),
    Setting(
        "models.prompt_lookup",
        True,
        "Guess repeated text and check several tokens at once where it pays; answers stay the same.",
        label="Guess repeated text",
        effect="load",
    ),
    Setting(
        "models.kernels",
        True,
        "Compute 4-bit models (ONNX, and Q4_0 GGUF) with Spark's own arithmetic on processors that have AVX2.",
        label="Own 4-bit arithmetic",
        effect="load",
    ),
    Setting(
        "models.cache_mb",
        0,
        "Memory for the conversations that one model keeps in mind; 0 takes half of what is free when it is loaded.",
        unit="MB",
        minimum=0,
        maximum=4194304,
        label="Conversation memory",
        effect="load",
    ),
    Setting(
        "models.keep_alive_s",
        0,
        "Time without a request after which a model is unloaded; 0 keeps it.",
        unit="s",
        minimum=0,
        maximum=604800,
        label="Unload after",
        effect="now",
    ),
    Setting(
        "models.memory_mb",
        0,
        "Memory that all loaded models together may take; 0 lets Spark use what is free.",
        unit="MB",
        minimum=0,
        maximum=4194304,
        label="Memory for all models",
        effect="now",
    ),
    Setting(
        "models.folders",
        "",
        f"Further folders with models, used where they lie; several are separated by {os.pathsep!r}.",
        label="Further folders",
    ),
    Setting(
        "models.other_apps",
        True,
        "Look for models that other programs have on this machine, and use them.",
        label="Models of other programs",
    ),
    Setting(
        "hub.endpoint",
        "",
        "Address of the model hub or a mirror of it; empty takes HF_ENDPOINT, else https://huggingface.co.",
        label="Address",
        effect="now",
    ),
    Setting("hub.offline", False, "Fetch nothing from the network.", label="Stay offline", effect="now"),
    Setting(
        "hub.parallel_files",
        4,
        "Files of a model that are fetched at the same time.",
        minimum=1,
        maximum=16,
        label="Files at a time",
        effect="now",
    ),
    Setting(
        "queue.max_waiting",
        256,
        "Requests that may wait; more are refused.",
        minimum=0,
        maximum=10000,
        label="Most waiting requests",
        effect="now",
    ),
    Setting(
        "chat.keep",
        True,
        "Keep the conversations of the Chat page on this machine; off: they end with Spark.",
        label="Keep conversations",
        effect="now",
    ),
    *ECOSYSTEM,
    Setting(
        "log.level",
        "info",
        "How much the logs say.",
        choices=("debug", "info", "warning", "error"),
        label="Level",
        effect="now",
    ),
)


def setting(key: str) -> Setting:
    """The setting with this key; KeyError when there is none."""
    return _BY_KEY[key]


_BY_KEY = {s.key: s for s in SETTINGS}
