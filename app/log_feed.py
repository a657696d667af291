"""New lines of the logs, as long as somebody looks."""

import asyncio
from contextlib import aclosing

from PySide6.QtCore import QObject, Signal

from app.actions import Actions
from app.asking import can_ask
from spark_engine.errors import SparkError
from spark_engine.tasks import create_task

FIRST = 2000


class LogFeed(QObject):
    """`came` carries a `LogPage`; `began` before the first one of a connection, `refused` a `SparkError`."""

    began = Signal()
    came = Signal(object)
    refused = Signal(object)

    def __init__(self, actions: Actions, parent: QObject) -> None:
        super().__init__(parent)
        self._actions = actions
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether lines are followed."""
        return self._task is not None

    def start(self) -> None:
        """Follow from the latest lines on; nothing happens when it does already."""
        if self._task is None and can_ask():
            self._task = create_task(self._follow(), name="follow logs")

    def stop(self) -> None:
        """Nobody looks any more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _follow(self) -> None:
        is_first = True
        try:
            async with aclosing(self._actions.client.follow_logs(limit=FIRST)) as pages:
                async for page in pages:
                    if is_first:
                        self.began.emit()
                        is_first = False
                    self.came.emit(page)
        except SparkError as error:
            if self._task is asyncio.current_task():
                self.refused.emit(error)
        finally:
            if self._task is asyncio.current_task():
                self._task = None
