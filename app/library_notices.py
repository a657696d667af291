"""What is told after something was done with the library as a whole: memory freed, a folder looked into."""

from collections.abc import Sequence
from pathlib import Path

from app.headline import display_name
from app.notices import Notice
from app.words import breakable, counted
from spark_engine.types.state import EngineState


def freed_words(unloaded: Sequence[str]) -> Notice:
    """Which variants are being unloaded to free memory."""
    if not unloaded:
        text = "Models that are answering or pinned stay."
        return Notice("freed", "info", "No loaded model is idle", text, passing=True)
    title = f"{counted(len(unloaded), 'model gives', 'models give')} its memory back"
    title = title if len(unloaded) == 1 else title.replace("its", "their")
    return Notice("freed", "ok", title, ", ".join(unloaded), passing=True)


def found_there(state: EngineState, path: str) -> Notice:
    """What models a folder or file has brought."""
    place = Path(path)
    there = [
        v.id
        for m in state.models.values()
        for v in m.variants
        if v.path is not None and Path(v.path).is_relative_to(place)
    ]
    if not there:
        title = "No model was found there"
        text = "Spark looks for GGUF files, ONNX folders, and SafeTensors or PyTorch weights with their config.json."
        return Notice(f"adopted:{path}", "warn", title, f"{breakable(path)}. {text}")
    names = ", ".join(dict.fromkeys(display_name(state, id) for id in there[:6]))
    more = f" and {len(there) - 6} more" if len(there) > 6 else ""
    title = f"{counted(len(there), 'model is', 'models are')} used where they lie"
    title = title if len(there) > 1 else title.replace("they lie", "it lies")
    return Notice(f"adopted:{path}", "ok", title, f"{names}{more}", passing=True)
