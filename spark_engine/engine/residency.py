"""Which runners there are: one supervisor per variant, made when it is first loaded."""

import asyncio
from collections.abc import Callable

from spark_engine.config.load import Config
from spark_engine.engine.supervisor import Supervisor
from spark_engine.protocol.messages import LoadPlan, RunnerStats
from spark_engine.tasks import create_task
from spark_engine.types.models import ModelEntry, Unloading, VariantEntry, VariantStatus


class Residency:
    """Loads and unloads variants; `on_status(variant id, status)` is told what becomes of each."""

    def __init__(self, config: Config, on_status: Callable[[str, VariantStatus], None]) -> None:
        self._config = config
        self._on_status = on_status
        self._supervisors: dict[str, Supervisor] = {}
        self._unloads: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> dict[str, int]:
        """Runner process ids by variant."""
        return {id: s.pid for id, s in self._supervisors.items() if s.pid is not None}

    @property
    def stats(self) -> dict[str, RunnerStats]:
        """What each runner last said about itself, by variant."""
        return {id: s.stats for id, s in self._supervisors.items() if s.stats is not None}

    def status(self, id: str) -> VariantStatus | None:
        """The live status of a variant; None when it was never loaded."""
        supervisor = self._supervisors.get(id)
        return supervisor.status if supervisor else None

    def load(self, model: ModelEntry, variant: VariantEntry) -> Supervisor:
        """The variant's supervisor, loading or loaded; what failed before is tried again."""
        supervisor = self._supervisors.get(variant.id)
        if supervisor is None or supervisor.idle or isinstance(supervisor.status, Unloading):
            supervisor = self._new(model, variant)
        supervisor.load()
        return supervisor

    def demand(self, model: ModelEntry, variant: VariantEntry) -> Supervisor:
        """As `load`, for a request: Unavailable when the variant failed a moment ago."""
        supervisor = self._supervisors.get(variant.id)
        if supervisor is not None and supervisor.idle:
            supervisor.refuse_after_failure()
        return self.load(model, variant)

    def unload(self, id: str) -> None:
        """Begin to end a variant's runner; nothing happens when there is none."""
        supervisor = self._supervisors.get(id)
        if supervisor is not None and not isinstance(supervisor.status, Unloading):
            task = create_task(supervisor.unload(), name=f"unload {id}")
            self._unloads.add(task)
            task.add_done_callback(self._unloads.discard)

    def cancel(self, variant: str, request_id: str) -> None:
        """Stop a generation of a variant's runner."""
        if (supervisor := self._supervisors.get(variant)) is not None:
            supervisor.cancel(request_id)

    async def close(self) -> None:
        """End every runner."""
        for id in self._supervisors:
            self.unload(id)
        await asyncio.gather(*self._unloads)

    def _new(self, model: ModelEntry, variant: VariantEntry) -> Supervisor:
        def told(status: VariantStatus) -> None:
            if self._supervisors[variant.id] is supervisor:  # one still ending has nothing more to say
                self._on_status(variant.id, status)

        supervisor = Supervisor(self._plan(model, variant), told)
        self._supervisors[variant.id] = supervisor
        return supervisor

    def _plan(self, model: ModelEntry, variant: VariantEntry) -> LoadPlan:
        return LoadPlan(
            variant=variant.id,
            format=variant.format,
            path=variant.path or "",
            context=min(self._config.integer("models.context"), model.context),
            slots=self._config.integer("models.slots"),
            threads=self._config.integer("models.threads"),
            prompt_lookup=self._config.flag("models.prompt_lookup"),
            kv_bytes=self._config.integer("models.cache_mb") * 1024 * 1024,
            kind=variant.kind,
            pooling=model.pooling,
        )
