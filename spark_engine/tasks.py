"""The one place that creates asyncio tasks: named, held until done, failures logged."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger(__name__)
_T = TypeVar("_T")
_held: set[asyncio.Task[Any]] = set()


def create_task(coroutine: Coroutine[Any, Any, _T], *, name: str) -> asyncio.Task[_T]:
    """Start `coroutine` as a task that cannot be lost; an exception nobody awaits is logged."""
    task = asyncio.get_running_loop().create_task(coroutine, name=name)
    _held.add(task)
    task.add_done_callback(_report)
    return task


def _report(task: asyncio.Task[Any]) -> None:
    _held.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("task %s failed", task.get_name(), exc_info=error)


async def cancel_and_wait(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel tasks and wait until each has really ended; None entries are skipped."""
    wanted = [t for t in tasks if t is not None]
    for task in wanted:
        task.cancel()
    await asyncio.gather(*wanted, return_exceptions=True)
