"""The conversions as the engine offers them: beginning, cancelling and putting away; one runs at a time."""

import asyncio
import logging
import shutil
import sys
import time
from collections.abc import Callable, Container, Mapping, Sequence

import psutil
from msgspec.structs import replace

from spark_engine.catalog.convert.needs import Needs, converted_bytes, needs_of
from spark_engine.catalog.convert.source import Source, check_source, read_source
from spark_engine.catalog.convert.targets import (
    Target,
    Way,
    components,
    converted_id,
    find_target,
    targets_of,
    ways,
)
from spark_engine.engine import conversion_failures as failures
from spark_engine.engine.component_list import COMPONENTS, installation
from spark_engine.engine.conversion_steps import ConversionSteps, Plan, place_of, remove_leftovers
from spark_engine.errors import SparkError
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.conversions import (
    ConversionEntry,
    ConversionFailed,
    ConversionStatus,
    ConversionTarget,
    Converting,
)
from spark_engine.types.ids import parse_model_ref
from spark_engine.types.models import VariantEntry, is_installed
from spark_engine.types.state import ConversionChanged, ConversionDropped

log = logging.getLogger(__name__)
_QUIET_S = 0.1
Publish = Callable[[ConversionChanged | ConversionDropped], None]


class Conversions:
    """Every conversion that was begun and not put away; `publish` hears each change."""

    def __init__(self, base: BaseDir, publish: Publish) -> None:
        self._base, self._publish = base, publish
        self._entries: dict[str, ConversionEntry] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()
        self._published_at = 0.0

    def restore(self) -> None:
        """Delete what an earlier engine left unfinished; conversions do not go on by themselves."""
        remove_leftovers(self._base)

    def entries(self) -> dict[str, ConversionEntry]:
        """All conversions as watchers see them, by the id of the variant they make."""
        return dict(self._entries)

    def start(
        self, source: VariantEntry, target_format: str, quantization: str, *, known: Container[str] = ()
    ) -> str:
        """Begin to convert a variant; the id of the new one. `known`: ids of variants whose files are here.

        Raises InvalidRequest when it cannot become that, Conflict when it is here or on its way, or there is too little
        room, Unavailable when a component is missing.
        """
        plan = self._planned(source, target_format, quantization)
        id = str(plan.variant)
        if self._runs(id):
            raise failures.still_running(id)
        if id in known or place_of(self._base, plan.variant).exists():
            raise failures.exists(id)
        needs = self._checked(plan)
        self._check_room(needs)
        waiting = "waiting for another conversion" if self._turn.locked() else "starting"
        self._set(ConversionEntry(id, source.id, Converting(0.0, waiting), time.time()))
        task = create_task(self._convert(id, plan, needs), name=f"conversion {id}")
        self._tasks[id] = task
        task.add_done_callback(lambda done: self._ended(id, done))
        return id

    def targets(self, source: VariantEntry, known: Container[str] = ()) -> tuple[ConversionTarget, ...]:
        """What a variant can become and what is in the way, read from its files; Conflict or InvalidRequest when it can
        never be converted. May run in a thread."""
        self._check_source(source)
        found, possible = read_source(source), targets_of(source.format, source.quantization)
        missing = {steps: _missing(steps) for steps in {ways(source.format, target) for target in possible}}
        return tuple(self._target(source, found, target, known, missing) for target in possible)

    async def cancel(self, id: str) -> None:
        """End a conversion and all its processes, delete what was made and drop its row. NotFound; Conflict."""
        self._known(id)
        if not self._runs(id):
            raise failures.not_running(id)
        await cancel_and_wait(self._tasks[id])

    def dismiss(self, id: str) -> None:
        """Put the row of a conversion away that is over. Raises NotFound, or Conflict while it runs."""
        self._known(id)
        if self._runs(id):
            raise failures.still_running(id)
        del self._entries[id]
        self._publish(ConversionDropped(id))

    async def close(self) -> None:
        """Cancel what runs and wait for its end."""
        await cancel_and_wait(*self._tasks.values())

    # --- the work ------------------------------------------------------------------------------------------

    async def _convert(self, id: str, plan: Plan, needs: Needs) -> None:
        def report(fraction: float, step: str) -> None:
            self._progress(id, Converting(round(fraction, 3), step))

        async with self._turn:
            try:
                self._check_room(needs)  # what ran before may have taken it
                status: ConversionStatus = await ConversionSteps(self._base, plan, report).run()
            except SparkError as error:
                status = ConversionFailed(error.code, error.title, error.message, error.remedy)
        self._set(replace(self._entries[id], status=status))

    def _ended(self, id: str, task: asyncio.Task[None]) -> None:
        """Whatever happened, a conversion whose task is over does not run: a cancelled one leaves no row."""
        if self._tasks.get(id) is not task:
            return
        del self._tasks[id]
        if not self._runs(id):
            return
        if error := None if task.cancelled() else task.exception():
            self._set(replace(self._entries[id], status=failures.broken(error)))
        else:
            del self._entries[id]
            self._publish(ConversionDropped(id))

    # --- what must hold before it begins -------------------------------------------------------------------

    def _target(
        self,
        source: VariantEntry,
        found: Source,
        target: Target,
        known: Container[str],
        missing: Mapping[tuple[Way, ...], tuple[str, ...]],
    ) -> ConversionTarget:
        steps, id = ways(source.format, target), converted_id(source.id, target)
        obstacle = ""
        try:
            check_source(source, found, target)
            self._check_room(needs_of(found, target, steps))
        except SparkError as error:
            obstacle = error.message
        return ConversionTarget(
            id=id,
            format="onnx" if target.format == "onnx" else "gguf",
            quantization=target.quantization,
            size_bytes=converted_bytes(source, found, target),
            here=id in known,
            missing=missing[steps],
            obstacle=obstacle,
        )

    def _planned(self, source: VariantEntry, target_format: str, quantization: str) -> Plan:
        self._check_source(source)
        target = find_target(target_format, quantization)
        if target is None or target not in targets_of(source.format, source.quantization):
            raise failures.unknown_target(source, f"{target_format} {quantization}")
        return Plan(source, target, parse_model_ref(converted_id(source.id, target)))

    def _check_source(self, source: VariantEntry) -> None:
        if getattr(sys, "frozen", False):
            raise failures.packaged()
        if not is_installed(source.status) or not source.path or source.rejected:
            raise failures.not_installed(source)
        if source.kind != "generator":
            raise failures.no_generator(source)

    def _checked(self, plan: Plan) -> Needs:
        """What it takes. Raises when the model itself or what is installed stands in the way."""
        steps = ways(plan.source.format, plan.target)
        found = read_source(plan.source)
        check_source(plan.source, found, plan.target)
        if missing := _missing(steps):
            raise failures.components_missing(missing)
        return needs_of(found, plan.target, steps)

    def _check_room(self, needs: Needs) -> None:
        memory, disk = psutil.virtual_memory().available, shutil.disk_usage(self._base.root).free
        if needs.memory_bytes > memory:
            raise failures.no_memory(needs, memory)
        if needs.disk_bytes > disk:
            raise failures.no_space(needs, disk)

    # --- what is known -------------------------------------------------------------------------------------

    def _runs(self, id: str) -> bool:
        return id in self._entries and isinstance(self._entries[id].status, Converting)

    def _known(self, id: str) -> ConversionEntry:
        if id not in self._entries:
            raise failures.not_found(id)
        return self._entries[id]

    def _set(self, entry: ConversionEntry) -> None:
        self._entries[entry.id] = entry
        self._published_at = time.monotonic()
        log.info("conversion %s: %s", entry.id, type(entry.status).__name__.lower())
        self._publish(ConversionChanged(entry))

    def _progress(self, id: str, status: Converting) -> None:
        """Progress; of figures that change within one step not more than people can read."""
        before = self._entries[id]
        self._entries[id] = replace(before, status=status)
        same_step = isinstance(before.status, Converting) and before.status.step == status.step
        if not same_step or time.monotonic() - self._published_at >= _QUIET_S:
            self._published_at = time.monotonic()
            self._publish(ConversionChanged(self._entries[id]))


def _missing(steps: Sequence[Way]) -> tuple[str, ...]:
    """The components that these need and that are not installed."""
    wanted = components(steps)
    return tuple(c.id for c in COMPONENTS if c.id in wanted and installation(c) is None)
