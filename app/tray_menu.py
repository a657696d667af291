"""What stands in the tray's menu, as data: pure functions of the state."""

from collections.abc import Iterator, Sequence

from app.acceleration_words import act_of, speed_words, steps_of
from app.download_words import transfer
from app.headline import Headline, display_name, held_words, variant_words
from app.widgets.living_menu import Entry
from spark_engine.types.acceleration import AUTO_CHOICE, AccelerationBackend, AccelerationChoice, find_choice
from spark_engine.types.downloads import DownloadEntry, is_running
from spark_engine.types.models import Ready, Unloaded, VariantEntry, is_moving, status_word
from spark_engine.types.state import EngineState, find_variant, ready_variants

MOST = 8
"""Lines about models; a menu of hundreds helps nobody."""


def menu_entries(
    now: Headline,
    state: EngineState | None,
    pages: Sequence[tuple[str, str]],
    *,
    recent: Sequence[str] = (),
    can_start: bool = False,
    ends_engine: bool = True,
    at_login: bool | None = None,
) -> list[Entry]:
    """The whole menu. `pages`: ids and words of the window's; `recent`: variants, the latest first; `at_login`: whether
    Spark starts then (None: this system cannot)."""
    models = _model_entries(state, recent) if state else []
    return [
        Entry(now.line),
        *([Entry("Start engine", "start")] if can_start else []),
        Entry(),
        *([*models, Entry()] if models else []),
        *(_serving_entries(state) if state else []),
        Entry("Open dashboard", "open"),
        Entry("Go to", children=tuple(Entry(word, f"page {id}") for id, word in pages)),
        *([Entry("Copy API address", f"copy {state.engine.address}/v1")] if state else []),
        Entry("Open logs", "logs"),
        *([] if at_login is None else [Entry("Start at login", "login", at_login)]),
        Entry(),
        Entry("Quit Spark" if ends_engine or state is None else "Quit (the engine keeps running)", "quit"),
    ]


def _model_entries(state: EngineState, recent: Sequence[str]) -> list[Entry]:
    """What is loaded or moves, then what was used lately, then what else can be loaded, then downloads."""
    usable = [v for m in state.models.values() for v in m.variants if _is_usable(v)]
    usable.sort(key=lambda variant: _order(variant, recent))
    more = [Entry("More models…", "page models")] if len(usable) > MOST else []
    coming = [_download_entry(state, d) for d in state.downloads.values() if is_running(d)]
    free = [Entry("Free memory now", "free")] if ready_variants(state) else []
    return [*(_model_entry(state, v) for v in usable[:MOST]), *more, *coming[:MOST], *free]


def _is_usable(variant: VariantEntry) -> bool:
    if isinstance(variant.status, Unloaded):
        return variant.component is None and not variant.rejected
    return isinstance(variant.status, Ready) or is_moving(variant.status)


def _order(variant: VariantEntry, recent: Sequence[str]) -> int:
    if not isinstance(variant.status, Unloaded):
        return -1
    return recent.index(variant.id) if variant.id in recent else len(recent)


def _model_entry(state: EngineState, variant: VariantEntry) -> Entry:
    name = f"{display_name(state, variant.id)}, {variant_words(variant)}"
    match variant.status:
        case Ready():
            return Entry(f"Unload {name}", f"unload {variant.id}")
        case Unloaded():
            return Entry(f"Load {name}", f"load {variant.id}")
        case status:
            return Entry(f"{name}: {status_word(status)}")


def _download_entry(state: EngineState, download: DownloadEntry) -> Entry:
    variant = find_variant(state, download.id)
    words = f", {variant_words(variant)}" if variant else ""
    return Entry(f"{display_name(state, download.id)}{words}: {transfer(download).word}")


def _serving_entries(state: EngineState) -> Iterator[Entry]:
    if choices := list(_acceleration_entries(state)):
        yield Entry("Acceleration", children=(*choices, Entry(), Entry("Details…", "page acceleration")))
    held = f" ({words})" if (words := held_words(state)) else ""
    yield Entry(f"Resume serving{held}", "resume") if state.paused else Entry("Pause serving", "pause")
    yield Entry()


def _acceleration_entries(state: EngineState) -> Iterator[Entry]:
    """For each backend its name, `Automatic`, and every choice that this machine has."""
    for backend in state.acceleration.values():
        found = [choice for choice in backend.choices if choice.found or choice.installed]
        if not any(choice.installed for choice in found):
            continue
        yield Entry(f"{backend.name} models")
        yield _automatic(backend)
        yield from (_choice_entry(backend, choice) for choice in found)


def _automatic(backend: AccelerationBackend) -> Entry:
    chosen = find_choice(backend, backend.chosen)
    is_on = backend.wish == AUTO_CHOICE
    words = f"Automatic (now {chosen.name})" if is_on and chosen else "Automatic"
    return Entry(words, "page acceleration" if is_on else f"use {backend.id} {AUTO_CHOICE}", is_on)


def _choice_entry(backend: AccelerationBackend, choice: AccelerationChoice) -> Entry:
    """A click uses it where that is possible now, else shows why it is as it is."""
    switching = backend.switching is not None and backend.switching.choice == choice.id
    word = "taking over" if switching else steps_of(choice).word
    words = ", ".join(part for part in (choice.name, word, speed_words(choice)) if part)
    uses = act_of(backend, choice).key == "use"
    key = f"use {backend.id} {choice.id}" if uses else "page acceleration"
    return Entry(words, key, _is_used(backend, choice))


def _is_used(backend: AccelerationBackend, choice: AccelerationChoice) -> bool:
    """Whether models run so; where none is loaded, whether they would."""
    if any(c.in_use for c in backend.choices):
        return choice.in_use
    return choice.id == backend.chosen
