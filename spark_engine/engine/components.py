"""The backend components as the engine offers them: their state, and installing, removing and cancelling."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from spark_engine.engine.component_list import COMPONENTS, Component, installation
from spark_engine.engine.component_record import Trial, read_trials, write_trials
from spark_engine.engine.component_steps import ComponentSteps
from spark_engine.errors import Conflict, NotFound
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.components import (
    Broken,
    ComponentEntry,
    ComponentStatus,
    Installed,
    Installing,
    Missing,
    Removing,
    Verified,
)
from spark_engine.types.state import ComponentChanged

log = logging.getLogger(__name__)
_QUIET_S = 0.1


class Components:
    """Every component with its status. One changes at a time, in the background; `publish` hears each change."""

    def __init__(self, base: BaseDir, publish: Callable[[ComponentChanged], None]) -> None:
        self._base, self._publish = base, publish
        self._trials = read_trials(base)
        self._status = {c.id: self._found(c) for c in COMPONENTS}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._pip = asyncio.Lock()
        self._published_at = 0.0

    def entries(self) -> dict[str, ComponentEntry]:
        """All components as watchers see them."""
        return {c.id: self._entry(c) for c in COMPONENTS}

    def install(self, id: str, *, cuda: bool = False) -> None:
        """Begin to install a component and to test it with a model; installed ones are tested again.

        `cuda` allows a build that brings NVIDIA's libraries. Raises NotFound, or Conflict while it changes.
        """
        component = self._idle(id)
        self._set(
            component,
            Installing(0.0, "waiting for another installation" if self._pip.locked() else "starting"),
        )
        self._start(component, self._install(component, cuda))

    def remove(self, id: str) -> None:
        """Begin to uninstall a component. Raises NotFound, or Conflict when it cannot be removed now."""
        component = self._idle(id)
        if not component.optional:
            raise Conflict(
                "component_needed",
                f"{component.name} stays",
                "Spark's own model needs it.",
                "Keep it installed.",
            )
        if isinstance(self._status[id], Missing):
            raise Conflict(
                "component_missing", f"{component.name} is not installed", "There is nothing to remove."
            )
        self._set(component, Removing())
        self._start(component, self._remove(component))

    def cancel(self, id: str) -> None:
        """Cancel a running installation. Raises NotFound, or Conflict when none runs."""
        component = self._known(id)
        if not isinstance(self._status[id], Installing):
            raise Conflict(
                "component_not_installing",
                f"{component.name} is not being installed",
                "There is nothing to cancel.",
            )
        self._tasks[id].cancel()

    async def close(self) -> None:
        """Cancel what runs and wait for its end."""
        await cancel_and_wait(*self._tasks.values())

    # --- the work ------------------------------------------------------------------------------------------

    def _start(self, component: Component, work: Coroutine[Any, Any, None]) -> None:
        task = create_task(work, name=f"component {component.id}")
        self._tasks[component.id] = task
        task.add_done_callback(lambda _: self._ended(component))

    def _ended(self, component: Component) -> None:
        """Whatever happened, a component whose task is over is not moving."""
        del self._tasks[component.id]
        if isinstance(self._status[component.id], Installing | Removing):
            self._set(component, self._found(component))

    async def _install(self, component: Component, cuda: bool) -> None:
        def report(fraction: float, step: str) -> None:
            self._progress(component, Installing(round(fraction, 3), step))

        async with self._pip:
            outcome = await ComponentSteps(component, report, cuda=cuda).install()
            self._remember(component, outcome)
        self._set(component, outcome)

    async def _remove(self, component: Component) -> None:
        async with self._pip:
            failure = await ComponentSteps(component, lambda fraction, step: None).remove()
        self._set(component, failure or self._found(component))

    def _remember(self, component: Component, outcome: Verified | Broken) -> None:
        """Keep the outcome for what is installed now; without an installation there is nothing to keep."""
        found = installation(component)
        self._trials.pop(component.id, None)
        if found:
            self._trials[component.id] = Trial(found.fingerprint, outcome)
        write_trials(self._base, self._trials)

    # --- what is known -------------------------------------------------------------------------------------

    def _found(self, component: Component) -> ComponentStatus:
        """The status by what is installed and what the last trial of exactly that said."""
        found = installation(component)
        if found is None:
            return Missing()
        trial = self._trials.get(component.id)
        return trial.outcome if trial and trial.fingerprint == found.fingerprint else Installed(found.version)

    def _known(self, id: str) -> Component:
        for component in COMPONENTS:
            if component.id == id:
                return component
        raise NotFound(
            "component_not_found",
            "No such component",
            f"There is no backend component {id[:100]!r}.",
            f"Choose one of {', '.join(c.id for c in COMPONENTS)}.",
        )

    def _idle(self, id: str) -> Component:
        component = self._known(id)
        if id in self._tasks:
            raise Conflict(
                "component_busy",
                f"{component.name} is being changed",
                "An installation or removal of it is running.",
                "Wait for its end or cancel it.",
            )
        if getattr(sys, "frozen", False):
            raise Conflict(
                "component_fixed",
                "Components cannot be changed here",
                "This packaged Spark carries its components inside.",
                "Run Spark from its source folder to install others.",
            )
        return component

    def _entry(self, component: Component) -> ComponentEntry:
        return ComponentEntry(
            component.id,
            component.name,
            component.formats,
            component.optional,
            component.download_bytes,
            self._status[component.id],
        )

    def _set(self, component: Component, status: ComponentStatus) -> None:
        self._status[component.id] = status
        self._published_at = time.monotonic()
        log.info("component %s: %s", component.id, type(status).__name__.lower())
        self._publish(ComponentChanged(self._entry(component)))

    def _progress(self, component: Component, status: Installing) -> None:
        """Progress; of figures that change within one step not more than people can read."""
        before, self._status[component.id] = self._status[component.id], status
        same_step = isinstance(before, Installing) and before.step == status.step
        if not same_step or time.monotonic() - self._published_at >= _QUIET_S:
            self._published_at = time.monotonic()
            self._publish(ComponentChanged(self._entry(component)))
