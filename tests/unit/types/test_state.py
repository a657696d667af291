"""Applying events: pure, complete, and the same after a trip over the wire."""

import msgspec
import pytest

from spark_engine.types.apps import AppEntry, Usage
from spark_engine.types.components import ComponentEntry, Missing
from spark_engine.types.ecosystem import EcosystemMember, Reachable
from spark_engine.types.hardware import AcceleratorReading, HardwareReading
from spark_engine.types.health import HealthReport, PartHealth, Problem, Repair
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.models import Loading, ModelEntry, Ready, Unloaded, VariantEntry
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import (
    FINISHED_KEPT,
    AppChanged,
    AppDropped,
    ComponentChanged,
    DefaultModelChanged,
    EngineEvent,
    EngineInfo,
    EngineState,
    HardwareSampled,
    HealthChanged,
    MetricsSampled,
    ModelsListed,
    PhaseChanged,
    ProblemCleared,
    ProblemRaised,
    RequestChanged,
    ServingPaused,
    StateSnapshot,
    VariantChanged,
    apply_event,
    find_variant,
    ready_variants,
)

MODEL = ModelEntry("m", "M", "phi", "MIT", "", 1, 4096, (VariantEntry("m:v", "onnx", "int4", 1, Unloaded()),))
READY = Ready("CPU", 4096, 8, 1, 1.0, 1)
EMPTY = EngineState(EngineInfo("1", 1, 0.0, "http://127.0.0.1:1", "base"))
PROBLEM = Problem("p", "warning", "title", "message")
EVENTS: list[EngineEvent] = [
    StateSnapshot(EMPTY),
    PhaseChanged("ready"),
    ServingPaused(True),
    DefaultModelChanged("m:v"),
    ModelsListed({"m": MODEL}),
    VariantChanged("m:v", Loading(0.5, "reading")),
    VariantChanged("m:v", READY),
    RequestChanged(RequestEntry("r", "m:v", "running", "app", 1.0)),
    ComponentChanged(ComponentEntry("gguf", "GGUF", ("gguf",), True, 1, Missing())),
    ProblemRaised(PROBLEM),
    AppChanged(AppEntry("curl-1", "curl", usage=Usage(2, 1, 3.0, 4.0), rank="first")),
    AppDropped("curl-1"),
    HealthChanged(
        HealthReport(
            True,
            (Problem("p", "warning", "T", "M", repair=Repair("Do it", "load", "m:v")),),
            (PartHealth("api", "API", "ok", "here"),),
            (EcosystemMember("zsei", "ZSEI", "", Reachable(1.0)), EcosystemMember("forge", "FORGE", "")),
        )
    ),
    MetricsSampled(MetricsSample(at=1.0, tokens_per_second=2.0)),
    HardwareSampled(HardwareReading(at=3.0, accelerators=(AcceleratorReading("a/1", "npu", "A", "N"),))),
]


def applied(*events: EngineEvent) -> EngineState:
    state = EMPTY
    for event in events:
        state = apply_event(state, event)
    return state


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: type(e).__name__)
def test_events_survive_the_wire(event: EngineEvent) -> None:
    wire = msgspec.json.encode(event)
    assert msgspec.json.decode(wire, type=EngineEvent) == event


def test_all_events_together() -> None:
    state = applied(*EVENTS)
    assert (state.phase, state.default_model) == ("ready", "m:v")
    variant = find_variant(state, "m:v")
    assert variant is not None
    assert variant.status == READY
    assert ready_variants(state) == [variant]
    assert state.requests["r"].phase == "running"
    assert state.problems == {"p": PROBLEM}
    assert state.metrics.tokens_per_second == 2.0
    assert state.hardware.accelerators[0].kind == "npu"
    assert applied() == EMPTY


def test_a_cleared_problem_is_gone_and_unknown_things_change_nothing() -> None:
    assert applied(ProblemRaised(PROBLEM), ProblemCleared("p")) == EMPTY
    assert applied(ProblemCleared("p"), VariantChanged("x:y", READY)) == EMPTY
    listed = applied(ModelsListed({"m": MODEL}))
    assert apply_event(listed, VariantChanged("m:other", READY)) == listed
    assert find_variant(listed, "nope") is None


def test_of_finished_requests_only_the_newest_stay_and_active_ones_always() -> None:
    state = apply_event(EMPTY, RequestChanged(RequestEntry("active", "m:v", "running", "", 0.0)))
    for number in range(FINISHED_KEPT + 10):
        entry = RequestEntry(f"r{number}", "m:v", "finished", "", 1.0, 2.0)
        state = apply_event(state, RequestChanged(entry))
    assert "active" in state.requests
    assert len(state.requests) == FINISHED_KEPT + 1
    assert "r9" not in state.requests
    assert "r10" in state.requests


def test_apps_come_and_go_and_the_health_is_replaced() -> None:
    app, report = AppEntry("a", "A"), HealthReport(True)
    assert applied(AppChanged(app)).apps == {"a": app}
    assert applied(AppChanged(app), AppDropped("a"), AppDropped("b")).apps == {}
    assert applied(HealthChanged(report)).health == report
