"""Where notices stand in the window: the newest two, and how many more there are."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.actions import Actions
from app.notices import Notice, NoticeBoard
from app.tokens import GRID
from app.widgets.notice_bar import NoticeBar
from app.widgets.text import label
from app.words import plain

SHOWN = 2


class NoticeArea(QWidget):
    """Follows the board."""

    def __init__(self, board: NoticeBoard, actions: Actions) -> None:
        super().__init__()
        self._board, self._actions = board, actions
        self.bars: dict[str, NoticeBar] = {}
        self._shown: list[Notice] = []
        self._more = label(look="small")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)
        self._more.setContentsMargins(3 * GRID, 2, 0, 2)
        self._column.addWidget(self._more)
        board.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        notices = self._board.notices[-SHOWN:][::-1]
        if notices != self._shown:
            self._shown = notices
            self._make_bars(notices)
        hidden = len(self._board.notices) - len(notices)
        self._more.setText(f"and {hidden} more" if hidden else "")
        self._more.setVisible(hidden > 0)
        self.setVisible(bool(notices))

    def _make_bars(self, notices: list[Notice]) -> None:
        for bar in self.bars.values():
            bar.hide()
            bar.deleteLater()
        self.bars = {notice.id: self._bar(notice) for notice in notices}
        for at, bar in enumerate(self.bars.values()):
            self._column.insertWidget(at, bar)

    def _bar(self, notice: Notice) -> NoticeBar:
        word = notice.action.word if notice.action else ""
        text, remedy = plain(notice.text), plain(notice.remedy)
        bar = NoticeBar(notice.tone, notice.title, text, remedy, action=word, details=bool(notice.details))
        bar.dismissed.connect(lambda: self._board.withdraw(notice.id))
        bar.copied.connect(lambda: self._actions.copy(notice.as_text(), "The details"))
        bar.acted.connect(lambda: self._act(notice))
        return bar

    def _act(self, notice: Notice) -> None:
        self._board.withdraw(notice.id)
        if notice.action is not None:
            notice.action.act()
