"""A row per part of Spark itself: what it does now, and whether it is well."""

from collections.abc import Iterator, Sequence

from spark_engine.engine.health_signs import Signs
from spark_engine.types.downloads import DownloadFailed, Paused, is_running
from spark_engine.types.health import PartHealth, PartState, Problem
from spark_engine.types.models import (
    Loading,
    NotInstalled,
    Ready,
    Restarting,
    Unloaded,
    Unloading,
    is_installed,
)
from spark_engine.types.quantities import size
from spark_engine.types.requests import is_active

_Row = tuple[str, str, PartState, str]


def parts(signs: Signs, problems: Sequence[Problem]) -> tuple[PartHealth, ...]:
    """The rows; one with a problem is as grave as its gravest."""
    rows = (_api, _queue, _runners, _library, _downloads, _hardware, _store, _events)
    return tuple(_judged(row, problems) for make in rows for row in make(signs))


def _judged(row: _Row, problems: Sequence[Problem]) -> PartHealth:
    id, name, state, facts = row
    found = {p.severity for p in problems if p.part == id}
    worst: PartState = "error" if "error" in found else "warning" if "warning" in found else state
    return PartHealth(id, name, worst, facts)


def _api(signs: Signs) -> Iterator[_Row]:
    engine, phase = signs.state.engine, signs.state.phase
    yield "api", "API", "ok" if phase == "ready" else "busy", f"{engine.address}, process {engine.pid}"


def _queue(signs: Signs) -> Iterator[_Row]:
    active = [r for r in signs.state.requests.values() if is_active(r)]
    running = sum(r.phase == "running" for r in active)
    held = sum(app.waiting for app in signs.state.apps.values())
    said = [f"{running} running", f"{len(active) - running} waiting"]
    said += [f"{held} of them for a paused app"] if held else []
    facts = ", ".join(said) if active else "nothing waits"
    facts += "; serving is paused" if signs.state.paused else ""
    yield "queue", "Queue", "busy" if active else "ok", facts


def _runners(signs: Signs) -> Iterator[_Row]:
    rows = list(_loaded(signs))
    yield from rows or [("runner", "Runners", "off", "no model is loaded; the first request loads one")]


def _loaded(signs: Signs) -> Iterator[_Row]:
    for variant in (v for m in signs.state.models.values() for v in m.variants):
        id, name = f"runner:{variant.id}", f"Runner {variant.id}"
        match variant.status:
            case Ready(device, context, slots, memory, _, pid):
                held = f", {size(memory)}" if memory else ""
                facts = f"on {device}, {context:,} tokens of context, {slots} at a time{held}, process {pid}"
                yield id, name, "ok", facts
            case Loading(_, step):
                yield id, name, "busy", f"loading: {step}"
            case Restarting(attempt, delay, _):
                yield id, name, "busy", f"restarting in {delay:g} s, attempt {attempt}"
            case Unloading():
                yield id, name, "busy", "unloading"
            case Unloaded() | NotInstalled():
                pass
            case _:
                yield id, name, "error", "could not be loaded"


def _library(signs: Signs) -> Iterator[_Row]:
    here = [v for m in signs.state.models.values() for v in m.variants if is_installed(v.status)]
    default = signs.state.default_model
    facts = f"{len(here)} {'variant' if len(here) == 1 else 'variants'} on this machine"
    yield "library", "Library", "ok", f"{facts}; auto means {default}" if default else facts


def _downloads(signs: Signs) -> Iterator[_Row]:
    entries = list(signs.state.downloads.values())
    counts = (
        (sum(map(is_running, entries)), "running"),
        (sum(isinstance(d.status, Paused) for d in entries), "paused"),
        (sum(isinstance(d.status, DownloadFailed) for d in entries), "failed"),
    )
    facts = ", ".join(f"{count} {word}" for count, word in counts if count)
    yield "downloads", "Downloads", "busy" if counts[0][0] else "ok", facts or "none under way"


def _hardware(signs: Signs) -> Iterator[_Row]:
    reading = signs.state.hardware
    if not reading.at:
        yield "hardware", "Hardware readings", "off", "nothing was read yet"
        return
    memory, cores = reading.memory, len(reading.cpu.cores)
    said = [
        f"{cores} cores" if cores else "",
        f"{size(memory.total_bytes)} of memory" if memory.total_bytes else "",
    ]
    said += [device.name for device in reading.accelerators]
    yield "hardware", "Hardware readings", "ok", ", ".join(part for part in said if part) or "reading"


def _store(signs: Signs) -> Iterator[_Row]:
    free, root = signs.readings.disk_free_bytes, signs.state.engine.base_dir
    yield "store", "Store", "ok", f"{root}, {size(free)} free" if free is not None else root


def _events(signs: Signs) -> Iterator[_Row]:
    count = signs.readings.watchers
    facts = "nobody watches" if not count else "1 watcher" if count == 1 else f"{count} watchers"
    yield "events", "Event stream", "ok", facts
