"""What the Chat page says about models: which can answer, what is advised for them, what to ask them first."""

from msgspec import Struct

from app.dashboard.model_order import MADE_FOR
from app.headline import display_name, variant_words
from app.link import Connected, LinkStatus, Refused, Stopped
from spark_engine.types.generation import SamplingOptions
from spark_engine.types.ids import AUTO
from spark_engine.types.models import ModelEntry, VariantEntry, is_installed
from spark_engine.types.state import EngineState

GUIDE = "spark-nano"
GUIDE_QUESTIONS = ("Is my data private?", "How do I get a bigger model?", "How do I connect an app?")
QUESTIONS = (
    "Explain in three sentences how a local language model works.",
    "Write a short, friendly mail that moves a meeting to Friday.",
    "Write a Python function that finds the duplicates in a list.",
)
PRIVATE = "The model runs on this machine; nothing you write leaves it."


class Greeting(Struct, frozen=True):
    """What an empty conversation says: `questions` to click, `action` for the engine, `more` with its `hint`."""

    title: str
    text: str
    questions: tuple[str, ...] = ()
    action: str = ""
    hint: str = ""
    more: str = ""


def choices(state: EngineState | None) -> list[tuple[str, str]]:
    """Words and ids for the picker: automatic, then every variant that can answer."""
    variants = [(m, v) for m in state.models.values() for v in _usable(m)] if state else []
    return [(_auto_words(state), AUTO), *((f"{m.name}, {variant_words(v)}", v.id) for m, v in variants)]


def advice(state: EngineState | None, model: str) -> tuple[str, SamplingOptions]:
    """The name of the model that answers and what its makers advise; empty while it is not known."""
    known = _model(state, model)
    return (known.name, known.sampling) if known else ("", SamplingOptions())


def greeting(link: LinkStatus, state: EngineState | None, model: str) -> Greeting:
    """What to say in an empty conversation."""
    match link:
        case Stopped() | Refused():
            word = "Start engine" if isinstance(link, Stopped) else "Try again"
            return Greeting(
                "The engine is stopped",
                "Start it to ask something; earlier conversations can be read meanwhile.",
                (),
                word,
            )
        case Connected() if (known := _model(state, model)) is not None:
            return _of_model(known, state)
        case _:
            return Greeting("Ask anything", PRIVATE)


def _of_model(model: ModelEntry, state: EngineState | None) -> Greeting:
    if model.id != GUIDE:
        return Greeting("Ask anything", PRIVATE, QUESTIONS)
    better = state.models.get(MADE_FOR) if state else None
    has_better = better is None or any(is_installed(v.status) for v in better.variants)
    hint = "" if has_better else f"{model.name} is tiny and knows Spark only. {better.name} knows much more."  # type: ignore[union-attr]
    more = "" if has_better else f"Get {better.name}"  # type: ignore[union-attr]
    return Greeting(f"Ask {model.name}", PRIVATE, GUIDE_QUESTIONS, "", hint, more)


def _model(state: EngineState | None, model: str) -> ModelEntry | None:
    if state is None:
        return None
    return state.models.get((state.default_model if model == AUTO else model).partition(":")[0])


def _auto_words(state: EngineState | None) -> str:
    known = state is not None and state.default_model
    return f"Automatic ({display_name(state, state.default_model)})" if state and known else "Automatic"


def _usable(model: ModelEntry) -> list[VariantEntry]:
    return [
        v
        for v in model.variants
        if is_installed(v.status) and v.component is None and not v.rejected and v.kind == "generator"
    ]
