"""Notices: what happened, what it means, what to do; shown in the window, the pressing ones by the tray too."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct
from PySide6.QtCore import QObject, QTimer, Signal

from spark_engine.errors import SparkError

Tone = Literal["ok", "info", "warn", "bad"]
PASSING_MS = 6000


class Remedy(Struct, frozen=True):
    """What Spark itself can do about it: a button's word and what it does."""

    word: str
    act: Callable[[], None]


class Notice(Struct, frozen=True):
    """One notice. Another one with the same id takes its place; `passing` ones leave by themselves.

    `details` is what [Copy details] copies beyond the visible text. `announce`: tell it by the tray as well.
    """

    id: str
    tone: Tone
    title: str
    text: str = ""
    remedy: str = ""
    details: str = ""
    action: Remedy | None = None
    passing: bool = False
    announce: bool = False

    def as_text(self) -> str:
        """Everything it says, for the clipboard."""
        return "\n".join(part for part in (self.title, self.text, self.remedy, self.details) if part)


class NoticeBoard(QObject):
    """The notices that stand, newest last."""

    changed = Signal()
    announced = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._notices: dict[str, Notice] = {}

    @property
    def notices(self) -> list[Notice]:
        """Every notice that stands, newest last."""
        return list(self._notices.values())

    def post(self, notice: Notice) -> None:
        """Show `notice`, in place of one with the same id."""
        if self._notices.get(notice.id) == notice:
            return
        self._notices.pop(notice.id, None)
        self._notices[notice.id] = notice
        self.changed.emit()
        if notice.announce:
            self.announced.emit(notice)
        if notice.passing:
            QTimer.singleShot(PASSING_MS, self, lambda: self._expire(notice))

    def withdraw(self, id: str) -> None:
        """Take a notice away; nothing happens when there is none."""
        if self._notices.pop(id, None) is not None:
            self.changed.emit()

    def _expire(self, notice: Notice) -> None:
        if self._notices.get(notice.id) is notice:
            self.withdraw(notice.id)


def from_error(id: str, error: SparkError, action: Remedy | None = None) -> Notice:
    """The notice that tells a refusal or failure."""
    return Notice(id, "bad", error.title, error.message, error.remedy, f"code: {error.code}", action)
