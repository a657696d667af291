"""How often the tray speaks: one message in a while, what came meanwhile in one more, and nothing twice."""

from collections.abc import Callable
from time import monotonic

from PySide6.QtCore import QObject, QTimer, Signal

from app.notices import Notice, NoticeBoard
from app.words import counted

QUIET_S, REPEAT_S = 20.0, 600.0
_GRAVITY = ("ok", "info", "warn", "bad")


class Announcer(QObject):
    """`told` gives a notice for the desktop to show. `clock` gives seconds."""

    told = Signal(object)

    def __init__(self, board: NoticeBoard, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(board)
        self._board, self._clock = board, clock
        self._quiet_until = 0.0
        self._last: dict[tuple[str, str], float] = {}
        self._held: list[Notice] = []
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.tell_held)

    def announce(self, notice: Notice) -> None:
        """Tell it now, or with others when the quiet is over; one that was told a while ago is not told again."""
        now, key = self._clock(), (notice.id, notice.title)
        self._last = {known: at for known, at in self._last.items() if now - at < REPEAT_S}
        if key in self._last:
            return
        self._last[key] = now
        if now >= self._quiet_until:
            self._tell(notice)
            return
        self._held.append(notice)
        if not self._timer.isActive():
            self._timer.start(round((self._quiet_until - now) * 1000))

    def tell_held(self) -> None:
        """Tell, in one message, what came meanwhile and is not over yet."""
        standing = {notice.id for notice in self._board.notices}
        held = [n for n in self._held if n.tone in ("ok", "info") or n.id in standing]
        self._held = []
        if len(held) == 1:
            self._tell(held[0])
        elif held:
            tone = max((notice.tone for notice in held), key=_GRAVITY.index)
            title = f"{counted(len(held), 'more thing', 'more things')} happened"
            self._tell(Notice("held", tone, title, "\n".join(f"{notice.title}." for notice in held)))

    def _tell(self, notice: Notice) -> None:
        self._quiet_until = self._clock() + QUIET_S
        self.told.emit(notice)
