"""Something that is asked of the engine again and again: only the newest answer counts."""

import asyncio
from collections.abc import Awaitable, Callable

from PySide6.QtCore import QObject, Signal

from spark_engine.errors import SparkError
from spark_engine.tasks import create_task


class Inquiry(QObject):
    """`answered` carries the answer, `refused` the `SparkError`; `moved` when asking begins or ends."""

    answered = Signal(object)
    refused = Signal(object)
    moved = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether an answer is waited for."""
        return self._task is not None

    def ask(self, call: Callable[[], Awaitable[object]], name: str = "inquiry") -> None:
        """Ask; an answer that has not come yet is no longer of interest."""
        self._let_go()
        self._task = create_task(self._carry_out(call), name=name)
        self.moved.emit()

    def drop(self) -> None:
        """Nobody wants to know any more."""
        if self._task is not None:
            self._let_go()
            self.moved.emit()

    def _let_go(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    async def _carry_out(self, call: Callable[[], Awaitable[object]]) -> None:
        answer: object = None
        error: SparkError | None = None
        try:
            answer = await call()
        except SparkError as refusal:
            error = refusal
        if self._task is not asyncio.current_task():
            return
        self._task = None
        self.moved.emit()
        if error is None:
            self.answered.emit(answer)
        else:
            self.refused.emit(error)


def can_ask() -> bool:
    """Whether the app runs: before and after that there is nobody to carry a question."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
