"""Which loads fit into memory beside what is loaded, and what has to be unloaded for them. Nothing is unloaded here."""

import time
from collections.abc import Callable, Collection

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.catalog.fit import CONTEXT_STEP, Facts, facts_of, facts_of_card, fit
from spark_engine.config.load import Config
from spark_engine.engine.eviction import candidates, plan
from spark_engine.engine.resident import Resident
from spark_engine.engine.speeds import Speeds
from spark_engine.errors import NotEnoughMemory
from spark_engine.hardware.memory import Memory
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.fit import Fit
from spark_engine.types.inspection import Inspection
from spark_engine.types.models import ModelEntry, VariantEntry
from spark_engine.types.options import LoadOptions

MB = 1024 * 1024
LEAST_CONTEXT = 4 * CONTEXT_STEP
"""No shorter context is taken by Spark itself: answers would end in the middle."""
Inspect = Callable[[VariantEntry], Inspection | None]


class Room(Struct, frozen=True):
    """Bytes: `free` for models now, `spare` what idle models would make free besides, `limited`: by the setting
    `models.memory_mb`, not by the machine."""

    free: int
    spare: int
    limited: bool


class Admitted(Struct, frozen=True):
    """A load that may begin once `unload` (variant ids) are gone."""

    fit: Fit
    unload: tuple[str, ...]
    kv_bytes: int


class Admission:
    """Asks `inspect` what a variant's files say (None: its card has to do) and `memory` what the machine has."""

    def __init__(
        self, config: Config, speeds: Speeds, inspect: Inspect, memory: Callable[[], Memory]
    ) -> None:
        self._config = config
        self._speeds, self._inspect, self._memory = speeds, inspect, memory

    @property
    def _budget(self) -> int:
        """Bytes for all models together; 0: what the machine has."""
        return self._config.integer("models.memory_mb") * MB

    def facts(self, model: ModelEntry, variant: VariantEntry) -> Facts:
        """What is known of a variant."""
        found = self._inspect(variant)
        return facts_of_card(model, variant) if found is None else facts_of(found)

    def fit(self, model: ModelEntry, variant: VariantEntry, options: LoadOptions, free_bytes: int) -> Fit:
        """How a variant fits into `free_bytes`."""
        facts = self.facts(model, variant)
        return fit(
            facts,
            min(options.context or model.context, model.context or options.context or 0),
            free_bytes=max(0, free_bytes),
            cache_limit=(options.cache_mb or 0) * MB,
            bandwidth=self._speeds.bandwidth,
            efficiency=self._speeds.efficiency(variant.format),
            measured_tps=self._speeds.rate(variant.id),
        )

    def room(self, residents: Collection[Resident], ending: Collection[Resident]) -> Room:
        """What there is for a load. Runners that are ending have given their memory back by the time it is taken."""
        claims = [(resident.claim, resident.held.own) for resident in residents]
        promised = sum(max(0, claim - own) for claim, own in claims)
        coming = sum(resident.held.own for resident in ending)
        free = self._memory().available_bytes + coming - promised
        limited = bool(self._budget) and self._budget - sum(claim for claim, _ in claims) < free
        if limited:
            free = self._budget - sum(claim for claim, _ in claims)
        spare = sum(o.bytes for o in candidates(resident.occupant for resident in residents))
        return Room(free, spare, limited)

    def admit(
        self,
        model: ModelEntry,
        variant: VariantEntry,
        options: LoadOptions,
        residents: Collection[Resident],
        ending: Collection[Resident],
        *,
        context_is_chosen: bool = True,
    ) -> Admitted:
        """How a variant can be loaded now. NotEnoughMemory when it does not fit even where all idle models go; unless
        `context_is_chosen`, with less context it may."""
        room = self.room(residents, ending)
        most = max(0, room.free + room.spare)
        wanted = self.fit(model, variant, options, most)
        if wanted.verdict == "smaller_context" and not context_is_chosen:
            wanted = self._shorter(model, variant, options, wanted)
        occupants = [resident.occupant for resident in residents]
        total = room.free + sum(occupant.bytes for occupant in occupants)
        unload = plan(occupants, wanted.needed_bytes, total, time.monotonic())
        if unload is None:
            raise NotEnoughMemory(variant.id, wanted, budget=room.limited)
        freed = sum(occupant.bytes for occupant in occupants if occupant.id in unload)
        return Admitted(wanted, unload, self._kv_bytes(wanted, options, room.free + freed))

    def _shorter(self, model: ModelEntry, variant: VariantEntry, options: LoadOptions, wanted: Fit) -> Fit:
        if wanted.largest_context < LEAST_CONTEXT:
            return wanted
        return self.fit(model, variant, replace(options, context=wanted.largest_context), wanted.free_bytes)

    def _kv_bytes(self, admitted: Fit, options: LoadOptions, free: int) -> int:
        """The most the runner's cache may take; 0 leaves it to the runner. Within a budget: half of what is left of it,
        but one full context at any rate."""
        if options.cache_mb or not self._budget:
            return (options.cache_mb or 0) * MB
        left = free - admitted.weights_bytes - admitted.working_bytes
        return max(admitted.cache_bytes, left // 2, 1)


def load_plan(model: ModelEntry, variant: VariantEntry, options: LoadOptions, admitted: Admitted) -> LoadPlan:
    """How a runner is to load what was admitted, wherever it computes."""
    return LoadPlan(
        variant=variant.id,
        format=variant.format,
        path=variant.path or "",
        context=admitted.fit.context,
        slots=options.slots or 1,
        threads=options.threads or 0,
        prompt_lookup=bool(options.prompt_lookup),
        kernels=bool(options.kernels),
        kv_bytes=admitted.kv_bytes,
        kind=variant.kind,
        pooling=model.pooling,
    )
