"""What is going on in one word and one line, for tray, strip and home page; pure functions of link and state."""

from typing import Literal

from msgspec import Struct

from app.link import Connected, LinkStatus, Lost, Refused, Starting, Stopped
from app.words import counted
from spark_engine.types.downloads import is_running
from spark_engine.types.generation import Served
from spark_engine.types.models import Loading, ModelEntry, ModelFormat, Ready, Restarting, VariantEntry
from spark_engine.types.requests import is_active
from spark_engine.types.state import EngineState, find_variant, ready_variants

Mood = Literal["starting", "ready", "busy", "downloading", "paused", "problem", "stopped"]
TONES: dict[Mood, str] = {
    "starting": "info",
    "ready": "ok",
    "busy": "info",
    "downloading": "info",
    "paused": "warn",
    "problem": "bad",
    "stopped": "quiet",
}

FORMATS: dict[ModelFormat, str] = {
    "onnx": "ONNX",
    "gguf": "GGUF",
    "safetensors": "SafeTensors",
    "pytorch": "PyTorch",
    "echo": "Echo",
}
_DEVICES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU", "cuda": "CUDA"}


class Headline(Struct, frozen=True):
    """`word` is for the chip, `line` a whole sentence."""

    mood: Mood
    word: str
    line: str


def headline(link: LinkStatus, state: EngineState | None) -> Headline:
    """What to say first."""
    match link:
        case Connected():
            return _of_engine(state) if state else Headline("starting", "Starting", "Spark is starting.")
        case Lost(reason=reason):
            return Headline("problem", "Restarting", f"{reason} Spark is starting it again.")
        case Refused(title=title):
            return Headline("problem", "Not running", f"{title}.")
        case Stopped():
            return Headline("stopped", "Stopped", "The engine is stopped; apps get no answers.")
        case Starting():
            return Headline("starting", "Starting", "Spark is starting its engine.")
        case _:
            return Headline("starting", "Starting", "Spark is looking for its engine.")


def _of_engine(state: EngineState) -> Headline:
    if state.phase == "stopping":
        return Headline("stopped", "Stopping", "The engine is ending.")
    if state.phase == "starting":
        return Headline("starting", "Starting", "The engine is starting.")
    blocking = next((p for p in state.problems.values() if p.blocks), None)
    if blocking is not None:
        return Headline("problem", "Problem", f"{blocking.title}.")
    if state.paused:
        held = f"; {words}" if (words := held_words(state)) else ""
        return Headline("paused", "Paused", f"Serving is paused{held}.")
    active = sum(is_active(r) for r in state.requests.values())
    if active:
        return Headline("busy", "Answering", f"Spark is working on {counted(active, 'request', 'requests')}.")
    return _at_rest(state)


def _at_rest(state: EngineState) -> Headline:
    moving = next((v for v in _variants(state) if isinstance(v.status, (Loading, Restarting))), None)
    if moving is not None:
        return Headline("busy", "Loading", f"{display_name(state, moving.id)} is loading.")
    coming = [d for d in state.downloads.values() if is_running(d)]
    if coming:
        what = display_name(state, coming[0].id) if len(coming) == 1 else f"{len(coming)} models"
        return Headline("downloading", "Downloading", f"Spark is downloading {what}.")
    ready = ready_variants(state)
    if ready:
        return Headline("ready", "Ready", f"{display_name(state, ready[0].id)} is loaded and answers.")
    if state.default_model:
        return Headline("ready", "Ready", "No model is loaded; the first request loads one.")
    return Headline("problem", "No model", "There is no model on this machine yet.")


def held_words(state: EngineState) -> str:
    """`2 requests wait` while serving is paused; empty where none does."""
    waiting = sum(r.phase == "waiting" for r in state.requests.values())
    return counted(waiting, "request waits", "requests wait") if state.paused and waiting else ""


def served_now(state: EngineState | None) -> Served | None:
    """The variant that answers now and its device; None while nothing is loaded."""
    ready = ready_variants(state) if state else []
    best = next((v for v in ready if state and state.default_model in (v.id, v.id.partition(":")[0])), None)
    variant = best or (ready[0] if ready else None)
    if variant is None or not isinstance(variant.status, Ready):
        return None
    return Served(variant.id, variant.status.device)


def model_words(state: EngineState) -> str:
    """The loaded model with variant and device: `Spark nano, ONNX · int4, on CPU`."""
    served = served_now(state)
    variant = find_variant(state, served.model) if served else None
    if served is None or variant is None:
        return "No model loaded"
    return f"{display_name(state, served.model)}, {variant_words(variant)}, on {served.device}"


def display_name(state: EngineState, id: str) -> str:
    """A model's name for people, from a model id or a variant id; the id itself when it is unknown."""
    model: ModelEntry | None = state.models.get(id.partition(":")[0])
    return model.name if model else id


def variant_words(variant: VariantEntry) -> str:
    """Format, quantization, and what else the id says: `ONNX · int4 · CPU`."""
    told = {variant.format, *variant.quantization.lower().split("-")}
    more = [_DEVICES.get(word, word) for word in variant.id.partition(":")[2].split("-") if word not in told]
    quantization = "" if variant.quantization == "none" else variant.quantization
    return " · ".join(part for part in (FORMATS[variant.format], quantization, *more) if part)


def loadable(state: EngineState) -> VariantEntry | None:
    """What [Load] in strip and tray loads: the variant that `auto` means."""
    wanted = state.default_model
    model = state.models.get(wanted.partition(":")[0])
    if model is None:
        return None
    return find_variant(state, wanted) or next(
        (v for v in model.variants if v.path and not v.component and not v.rejected), None
    )


def _variants(state: EngineState) -> list[VariantEntry]:
    return [v for m in state.models.values() for v in m.variants]
