"""Names of models: what is left of a repository's or file's name, as an id, and as a key to compare by."""

import re

_QUANT = r"q\d(?:_[0-9a-z]+)*|iq\d(?:_[0-9a-z]+)*|tq\d_\d|mxfp4|nvfp4|f(?:p)?(?:8|16|32)|bf16|int[48]|w\d+a\d+|[48]bit"
_ENDINGS = re.compile(rf"(?:[-._:](?:gguf|onnx|safetensors|imatrix|latest|{_QUANT}))+$", re.IGNORECASE)
_GENERIC = frozenset(("", "model", "ggml-model", "models", "weights", "default"))
MOST_CHARS = 80


def plain_name(text: str) -> str:
    """`org/Phi-4-mini-GGUF` or `Phi-4-mini.Q4_K_M` as `Phi-4-mini`: without its maker, format and quantization."""
    shown = "".join(c if c.isprintable() else " " for c in text.replace("\\", "/"))
    last = shown.rstrip("/ ").rpartition("/")[2]
    short = _ENDINGS.sub("", last.strip())
    return (short or last).strip()[:MOST_CHARS]


def is_generic(name: str) -> bool:
    """Whether a name says nothing about the model, as `model` does."""
    return plain_name(name).lower() in _GENERIC


def slug(name: str) -> str:
    """A name as an id: `Phi 4 Mini` is `phi-4-mini`."""
    text = re.sub(r"[^a-z0-9._]+", "-", name.lower())
    return text.strip("-._")[:64].rstrip("-._") or "model"


def unused(wanted: str, taken: set[str], owner: str) -> str:
    """`wanted`, or with the owner's name or a number behind it when it is taken."""
    if wanted not in taken:
        return wanted
    named = f"{wanted}-{owner}"
    numbered = (f"{named}-{n}" for n in range(2, len(taken) + 3))
    return next(id for id in (named, *numbered) if id not in taken)


def name_keys(name: str) -> frozenset[str]:
    """What two names of the same model have in common: letters and digits. A maker's name before `_` may be missing."""
    plain = plain_name(name)
    forms = (plain, plain.partition("_")[2] if "_" in plain else plain)
    return frozenset(key for form in forms if (key := re.sub(r"[^a-z0-9]", "", form.lower())))
