"""What is said first, from every state of link and engine."""

import pytest
from msgspec.structs import replace

from app.headline import Mood, headline, loadable, served_now, variant_words
from app.link import Connected, LinkStatus, Lost, Refused, Searching, Starting, Stopped
from spark_engine.types.downloads import Fetching
from spark_engine.types.generation import Served
from spark_engine.types.health import Problem
from spark_engine.types.models import Loading, Unloaded, VariantEntry
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import EngineState
from tests.gui.library import download
from tests.gui.states import NANO, PHI, sample_state

HERE = Connected(True)
BLOCKING = Problem("p", "error", "The disk is full", "No room.", "Free some.", True)
COMING = download(Fetching(1e6, 9.0))
HELD = RequestEntry("r", NANO, "waiting", "test", 0.0)
RUNNING = RequestEntry("r", NANO, "running", "test", 0.0)


@pytest.mark.parametrize(
    ("link", "state", "mood", "part"),
    [
        (Searching(), None, "starting", "looking"),
        (Starting(), None, "starting", "starting its engine"),
        (HERE, None, "starting", "starting"),
        (HERE, sample_state(), "ready", "Spark nano is loaded"),
        (HERE, replace(sample_state(), phase="starting"), "starting", "engine is starting"),
        (HERE, replace(sample_state(), phase="stopping"), "stopped", "ending"),
        (HERE, sample_state(Unloaded()), "ready", "first request loads"),
        (HERE, sample_state(Loading(0.1, "reading")), "busy", "Spark nano is loading"),
        (HERE, replace(sample_state(), requests={"r": RUNNING}), "busy", "1 request."),
        (HERE, replace(sample_state(), downloads={PHI: COMING}), "downloading", "downloading Phi-4-mini"),
        (HERE, replace(sample_state(), paused=True), "paused", "is paused."),
        (HERE, replace(sample_state(), paused=True, requests={"r": HELD}), "paused", "1 request waits"),
        (HERE, replace(sample_state(), problems={"p": BLOCKING}), "problem", "The disk is full"),
        (HERE, replace(sample_state(Unloaded()), default_model=""), "problem", "no model"),
        (Lost("The engine ended.", 1, 0.5), sample_state(), "problem", "starting it again"),
        (Refused("c", "The port is taken", "By x."), None, "problem", "The port is taken"),
        (Stopped(), sample_state(), "stopped", "stopped"),
    ],
)
def test_headline(link: LinkStatus, state: EngineState | None, mood: Mood, part: str) -> None:
    said = headline(link, state)
    assert said.mood == mood
    assert part in said.line


def test_what_answers_now_is_the_default_if_it_is_loaded() -> None:
    assert served_now(sample_state()) == Served(NANO, "CPU")
    assert served_now(sample_state(Unloaded())) is None
    assert served_now(None) is None


def test_load_means_what_auto_means() -> None:
    assert loadable(sample_state()).id == NANO  # type: ignore[union-attr]
    assert loadable(replace(sample_state(), default_model="phi-4-mini")).id == PHI  # type: ignore[union-attr]
    assert loadable(replace(sample_state(), default_model="")) is None


@pytest.mark.parametrize(
    ("id", "format", "quantization", "words"),
    [
        ("m:onnx-int4", "onnx", "int4", "ONNX · int4"),
        ("m:onnx-int4-cpu", "onnx", "int4", "ONNX · int4 · CPU"),
        ("m:gguf-q4_k_m", "gguf", "Q4_K_M", "GGUF · Q4_K_M"),
        ("m:safetensors", "safetensors", "bfloat16", "SafeTensors · bfloat16"),
        ("m:slow", "echo", "none", "Echo · slow"),
    ],
)
def test_a_variant_in_words(id: str, format: str, quantization: str, words: str) -> None:
    assert variant_words(VariantEntry(id, format, quantization, 1, Unloaded())) == words  # type: ignore[arg-type]
