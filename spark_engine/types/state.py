"""The whole state every watcher sees, the events that change it, and the pure function applying them."""

from typing import Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.types.acceleration import AccelerationBackend
from spark_engine.types.apps import AppEntry
from spark_engine.types.components import ComponentEntry
from spark_engine.types.conversions import ConversionEntry
from spark_engine.types.downloads import DownloadEntry
from spark_engine.types.hardware import HardwareReading
from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.models import ModelEntry, Ready, VariantEntry, VariantStatus
from spark_engine.types.requests import RequestEntry, is_active

EnginePhase = Literal["starting", "ready", "stopping"]
FINISHED_KEPT = 200
_T = TypeVar("_T")


class EngineInfo(Struct, frozen=True):
    """Which engine this is. `address` is the API's base, `http://127.0.0.1:8910`."""

    version: str
    pid: int
    started_at: float
    address: str
    base_dir: str


class EngineState(Struct, frozen=True):
    """Everything a watcher shows. `default_model` is what `auto` means right now (empty: nothing is installed). `queue`
    holds the ids of requests that wait for a slot, the next ones first, as the runners last told them.
    `settings_changes` counts how often the settings were changed since the engine started. `paused`: every new request
    waits until its owner resumes serving.
    """

    engine: EngineInfo
    phase: EnginePhase = "starting"
    default_model: str = ""
    models: dict[str, ModelEntry] = {}
    requests: dict[str, RequestEntry] = {}
    components: dict[str, ComponentEntry] = {}
    downloads: dict[str, DownloadEntry] = {}
    conversions: dict[str, ConversionEntry] = {}
    acceleration: dict[str, AccelerationBackend] = {}
    problems: dict[str, Problem] = {}
    apps: dict[str, AppEntry] = {}
    health: HealthReport = HealthReport(False)
    metrics: MetricsSample = MetricsSample()
    hardware: HardwareReading = HardwareReading()
    queue: tuple[str, ...] = ()
    settings_changes: int = 0
    paused: bool = False


class StateSnapshot(Struct, frozen=True, tag="state"):
    """The first message of every event stream."""

    state: EngineState


class PhaseChanged(Struct, frozen=True, tag="phase"):
    """The engine moved to another phase."""

    phase: EnginePhase


class ServingPaused(Struct, frozen=True, tag="serving"):
    """Serving was paused (new requests wait) or resumed."""

    paused: bool


class DefaultModelChanged(Struct, frozen=True, tag="default_model"):
    """`auto` now means another model."""

    model: str


class ModelsListed(Struct, frozen=True, tag="models"):
    """The library was read anew."""

    models: dict[str, ModelEntry]


class VariantChanged(Struct, frozen=True, tag="variant"):
    """A variant has a new status."""

    id: str
    status: VariantStatus


class RequestChanged(Struct, frozen=True, tag="request"):
    """A request appeared or moved on."""

    request: RequestEntry


class RequestsSampled(Struct, frozen=True, tag="requests"):
    """How far requests are: the order of those that wait, and how many tokens the running ones have (by id). Comes once
    a second while something runs and somebody watches; a slow watcher only sees the newest.
    """

    queue: tuple[str, ...]
    tokens: dict[str, int]


class SettingsChanged(Struct, frozen=True, tag="settings"):
    """The settings were changed for the `changes`th time since the engine started; they can be asked for anew."""

    changes: int


class ComponentChanged(Struct, frozen=True, tag="component"):
    """A backend component appeared or moved on."""

    component: ComponentEntry


class DownloadChanged(Struct, frozen=True, tag="download"):
    """A download began or moved on; progress comes a few times a second."""

    download: DownloadEntry


class DownloadDropped(Struct, frozen=True, tag="download_dropped"):
    """A download was cancelled or its row put away; nothing of it is left but what stands in the library."""

    id: str


class ConversionChanged(Struct, frozen=True, tag="conversion"):
    """A conversion began or moved on."""

    conversion: ConversionEntry


class ConversionDropped(Struct, frozen=True, tag="conversion_dropped"):
    """A conversion was cancelled or its row put away."""

    id: str


class AccelerationChanged(Struct, frozen=True, tag="acceleration"):
    """What there is of a backend's acceleration, or what is known or used of it, changed."""

    backend: AccelerationBackend


class ProblemRaised(Struct, frozen=True, tag="problem"):
    """A problem began, or its text changed."""

    problem: Problem


class ProblemCleared(Struct, frozen=True, tag="problem_cleared"):
    """A problem is over."""

    id: str


class AppChanged(Struct, frozen=True, tag="app"):
    """A program that uses Spark appeared, asked something, or its owner decided about it; twice a second at most."""

    app: AppEntry


class AppDropped(Struct, frozen=True, tag="app_dropped"):
    """A program has not asked for long and is forgotten."""

    id: str


class HealthChanged(Struct, frozen=True, tag="health"):
    """The health of Spark or its ecosystem is another one."""

    report: HealthReport


class MetricsSampled(Struct, frozen=True, tag="metrics"):
    """New live figures; a slow watcher only sees the newest."""

    sample: MetricsSample


class HardwareSampled(Struct, frozen=True, tag="hardware"):
    """A new reading of the hardware; a slow watcher only sees the newest."""

    reading: HardwareReading


EngineEvent = (
    StateSnapshot
    | PhaseChanged
    | ServingPaused
    | DefaultModelChanged
    | ModelsListed
    | VariantChanged
    | RequestChanged
    | RequestsSampled
    | SettingsChanged
    | ComponentChanged
    | DownloadChanged
    | DownloadDropped
    | ConversionChanged
    | ConversionDropped
    | AccelerationChanged
    | ProblemRaised
    | ProblemCleared
    | AppChanged
    | AppDropped
    | HealthChanged
    | MetricsSampled
    | HardwareSampled
)


def apply_event(state: EngineState, event: EngineEvent) -> EngineState:
    """The state after `event`. Pure; an event about something unknown leaves the state as it is."""
    match event:
        case StateSnapshot(new):
            return new
        case PhaseChanged(phase):
            return replace(state, phase=phase)
        case ServingPaused(paused):
            return replace(state, paused=paused)
        case DefaultModelChanged(model):
            return replace(state, default_model=model)
        case ModelsListed(models):
            return replace(state, models=models)
        case VariantChanged(id, status):
            return replace(state, models=_with_status(state.models, id, status))
        case RequestChanged(request):
            return replace(state, requests=_with_request(state.requests, request))
        case RequestsSampled(queue, tokens):
            return replace(state, queue=queue, requests=_with_tokens(state.requests, tokens))
        case SettingsChanged(changes):
            return replace(state, settings_changes=changes)
        case ComponentChanged(component):
            return replace(state, components=state.components | {component.id: component})
        case DownloadChanged(download):
            return replace(state, downloads=state.downloads | {download.id: download})
        case DownloadDropped(id):
            return replace(state, downloads=_without(state.downloads, id))
        case ConversionChanged(conversion):
            return replace(state, conversions=state.conversions | {conversion.id: conversion})
        case ConversionDropped(id):
            return replace(state, conversions=_without(state.conversions, id))
        case AccelerationChanged(backend):
            return replace(state, acceleration=state.acceleration | {backend.id: backend})
        case ProblemRaised(problem):
            return replace(state, problems=state.problems | {problem.id: problem})
        case ProblemCleared(id):
            return replace(state, problems=_without(state.problems, id))
        case AppChanged(app):
            return replace(state, apps=state.apps | {app.id: app})
        case AppDropped(id):
            return replace(state, apps=_without(state.apps, id))
        case HealthChanged(report):
            return replace(state, health=report)
        case MetricsSampled(sample):
            return replace(state, metrics=sample)
        case HardwareSampled(reading):
            return replace(state, hardware=reading)


def find_variant(state: EngineState, id: str) -> VariantEntry | None:
    """The variant with this full id, or None."""
    model = state.models.get(id.partition(":")[0])
    return next((v for v in model.variants if v.id == id), None) if model else None


def ready_variants(state: EngineState) -> list[VariantEntry]:
    """Every variant a runner answers for now."""
    return [v for m in state.models.values() for v in m.variants if isinstance(v.status, Ready)]


def _without(entries: dict[str, _T], id: str) -> dict[str, _T]:
    return {key: entry for key, entry in entries.items() if key != id}


def _with_status(models: dict[str, ModelEntry], id: str, status: VariantStatus) -> dict[str, ModelEntry]:
    model = models.get(id.partition(":")[0])
    if model is None:
        return models
    variants = tuple(replace(v, status=status) if v.id == id else v for v in model.variants)
    return models | {model.id: replace(model, variants=variants)}


def _with_tokens(requests: dict[str, RequestEntry], tokens: dict[str, int]) -> dict[str, RequestEntry]:
    """Note how many tokens requests have; what is over has its final count."""
    moved = {
        id: replace(entry, usage=replace(entry.usage, completion_tokens=count))
        for id, count in tokens.items()
        if (entry := requests.get(id)) is not None and is_active(entry)
    }
    return requests | moved if moved else requests


def _with_request(requests: dict[str, RequestEntry], request: RequestEntry) -> dict[str, RequestEntry]:
    """Add or change one; of the finished ones only the newest stay."""
    changed = requests | {request.id: request}
    finished = [r for r in changed.values() if not is_active(r)]
    surplus = {r.id for r in finished[: max(0, len(finished) - FINISHED_KEPT)]}
    return {key: r for key, r in changed.items() if key not in surplus} if surplus else changed
