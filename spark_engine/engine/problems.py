"""The one list of problems Spark knows of: what each looks at, how grave it is, its delay, what causes it."""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from spark_engine.engine import model_problems as found
from spark_engine.engine.health_signs import Case, Signs
from spark_engine.types.ecosystem import EcosystemMember, Reachable, Unreachable
from spark_engine.types.health import Repair, Severity
from spark_engine.types.quantities import size
from spark_engine.types.requests import is_active

LITTLE_DISK, NO_DISK = 1_000_000_000, 100_000_000
LITTLE_MEMORY = 0.05
LATE_S = 0.5


class Declared(Struct, frozen=True):
    """A kind of problem. It shows after `delay_s` seconds; `causes` are the problems (declared before it) that explain
    it: it then stands below them. `blocks`: requests are not answered because of it."""

    id: str
    part: str
    severity: Severity
    find: Callable[[Signs], Iterable[Case]]
    delay_s: float = 0.0
    causes: tuple[str, ...] = ()
    blocks: bool = False


def _phase(signs: Signs) -> Iterator[Case]:
    phase = signs.state.phase
    if phase != "ready":
        yield Case(f"Spark is {phase}", "", "Wait a moment.", about=phase)


def _slow_loop(signs: Signs) -> Iterator[Case]:
    if signs.readings.late_s > LATE_S:
        message = f"The engine came to its work {signs.readings.late_s:.1f} s late: this machine has too much to do."
        yield Case("Spark answers slowly", message, "Close programs that keep the processor busy.")


def _unwritable(signs: Signs) -> Iterator[Case]:
    if folder := signs.readings.unwritable:
        message = f"{folder} cannot be written: settings, downloads and what Spark remembers are lost."
        yield Case("Spark cannot write its folder", message, "Give your user the right to write there.")


def _no_disk(signs: Signs) -> Iterator[Case]:
    free = signs.readings.disk_free_bytes
    if free is not None and free < NO_DISK:
        yield Case(
            "The disk is full", f"{size(free)} are left for models and what Spark remembers.", _FREE_DISK
        )


def _little_disk(signs: Signs) -> Iterator[Case]:
    free = signs.readings.disk_free_bytes
    if free is not None and NO_DISK <= free < LITTLE_DISK:
        yield Case(
            "There is little room on the disk", f"{size(free)} are left; models need more.", _FREE_DISK
        )


def _little_memory(signs: Signs) -> Iterator[Case]:
    memory = signs.state.hardware.memory
    if memory.total_bytes and memory.available_bytes < LITTLE_MEMORY * memory.total_bytes:
        message = (
            f"{size(memory.available_bytes)} of {size(memory.total_bytes)} are left; models may be ended."
        )
        repair = Repair("Free memory now", "free_memory")
        yield Case("Memory is nearly used up", message, "Close programs, or unload models.", repair)


def _silent_hardware(signs: Signs) -> Iterator[Case]:
    if signs.state.hardware.trouble:
        yield Case("The hardware cannot be read", signs.state.hardware.trouble, "Models run all the same.")


def _full_queue(signs: Signs) -> Iterator[Case]:
    active = sum(is_active(r) for r in signs.state.requests.values())
    if signs.readings.queue_limit and active >= signs.readings.queue_limit:
        message = f"{active} requests run or wait, and no more are taken."
        yield Case("The queue is full", message, "Wait, or let more wait with the setting queue.max_waiting.")


def _paused_serving(signs: Signs) -> Iterator[Case]:
    if signs.state.paused:
        active = [r for r in signs.state.requests.values() if r.phase == "waiting"]
        count = "1 request waits" if len(active) == 1 else f"{len(active)} requests wait"
        message = f"{count if active else 'New requests wait'} until it is resumed."
        yield Case("Serving is paused", message, "Run `spark resume`.", Repair("Resume", "resume"))


def _paused_apps(signs: Signs) -> Iterator[Case]:
    for app in signs.state.apps.values():
        if app.paused and app.waiting:
            count = "1 request waits" if app.waiting == 1 else f"{app.waiting} requests wait"
            repair = Repair("Resume", "resume_app", app.id)
            yield Case(f"{app.name} is paused", f"{count} for it to be resumed.", "", repair, app.id)


def _lost_members(signs: Signs) -> Iterator[Case]:
    for member in signs.ecosystem:
        if isinstance(member.status, Unreachable) and member.last_seen is not None:
            message = f"It answered at {member.address} before; now {member.status.reason}."
            causes = () if member.id == _HEAD else (f"ecosystem_lost:{_HEAD}",)
            yield _of_member(member, f"{member.name} does not answer any more", message, causes)


def _unwell_members(signs: Signs) -> Iterator[Case]:
    for member in signs.ecosystem:
        if isinstance(member.status, Reachable) and not member.status.well:
            message = f"It listens at {member.address}, but {member.status.detail}."
            yield _of_member(member, f"{member.name} is not well", message)


_HEAD = "ozone_studio"
_FREE_DISK = "Free some space, or move Spark's folder to another disk."
_STARTS = ("engine_starting", "engine_stopping")

PROBLEMS: tuple[Declared, ...] = (
    Declared("engine", "api", "info", _phase, blocks=True),
    Declared("answers_slowly", "api", "warning", _slow_loop, 20.0, _STARTS),
    Declared("folder_unwritable", "store", "error", _unwritable),
    Declared("disk_full", "store", "error", _no_disk),
    Declared("disk_low", "store", "warning", _little_disk, 5.0),
    Declared("memory_low", "hardware", "warning", _little_memory, 15.0),
    Declared("hardware_unread", "hardware", "warning", _silent_hardware, 30.0, _STARTS),
    Declared("component_broken", "library", "error", found.broken_basics),
    Declared("component_broken", "library", "warning", found.broken_components),
    Declared("no_model", "library", "error", found.no_model, 0.0, _STARTS, blocks=True),
    Declared("models_untrusted", "library", "warning", found.untrusted, 2.0),
    Declared("model_loading", "runner", "info", found.loading, 0.0, _STARTS, blocks=True),
    Declared("model_restarting", "runner", "warning", found.restarting, blocks=True),
    Declared("model_failed", "runner", "error", found.default_failed, blocks=True),
    Declared("model_failed", "runner", "warning", found.others_failed),
    Declared("model_restarting", "runner", "warning", found.others_restarting, 2.0),
    Declared("queue_full", "queue", "warning", _full_queue, 3.0, ("model_restarting", "model_failed")),
    Declared("serving_paused", "queue", "info", _paused_serving, blocks=True),
    Declared("app_waits", "queue", "info", _paused_apps, 5.0),
    Declared("download_failed", "downloads", "warning", found.failed_downloads),
    Declared("ecosystem_lost", "ecosystem", "warning", _lost_members, 30.0),
    Declared("ecosystem_unwell", "ecosystem", "warning", _unwell_members, 30.0),
)


def _of_member(member: EcosystemMember, title: str, message: str, causes: tuple[str, ...] = ()) -> Case:
    return Case(
        title,
        message,
        f"Start {member.name}, or correct its address in the settings (ecosystem.{member.id}).",
        about=member.id,
        part=f"ecosystem:{member.id}",
        causes=causes,
    )
