"""Requests that wait until their model is loaded, and can be cancelled while they do."""

import asyncio

from spark_engine.engine.job import CANCELLED
from spark_engine.engine.supervisor import Supervisor
from spark_engine.errors import Conflict, SparkError
from spark_engine.tasks import create_task


class LoadWaits:
    """Who waits, by the request's id."""

    def __init__(self) -> None:
        self._waits: dict[str, asyncio.Task[SparkError | None]] = {}

    async def until_ready(self, id: str, supervisor: Supervisor) -> None:
        """Wait until the model answers. Unavailable when it does not come to that, Conflict when `cancel` ends it."""
        wait = self._waits[id] = create_task(_outcome(supervisor), name=f"{id} waits for its model")
        try:
            failed = await wait
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise
            text = f"{id} was stopped while its model was loading."
            raise Conflict(CANCELLED, "The request was cancelled", text) from None
        finally:
            del self._waits[id]
        if failed is not None:
            raise failed

    def cancel(self, id: str) -> bool:
        """End the waiting of a request; whether it did wait."""
        wait = self._waits.get(id)
        return wait is not None and wait.cancel()


async def _outcome(supervisor: Supervisor) -> SparkError | None:
    """Why it does not come to that; None when the model answers."""
    try:
        await supervisor.ready()
    except SparkError as error:
        return error
    return None
