"""Where a message is typed: Enter sends, Shift+Enter starts a new line, and it grows with the text."""

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QVBoxLayout, QWidget

from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row
from app.widgets.escape import keeps_escape
from app.widgets.text import label

MOST_LINES = 8
KEYS = "Enter sends, Shift+Enter starts a new line."


class Composer(QFrame):
    """`sent` carries the text; it stays until `clear()`, so that nothing typed is lost when sending fails.

    `typed`: the text is another. While something earlier is edited a line above the field says so; `kept` when that is
    given up.
    """

    sent = Signal(str)
    stopped = Signal()
    typed = Signal()
    kept = Signal()

    def __init__(self, name: str, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("look", "composer")
        self.field = _Field(name, hint)
        self.send = Button("Send", "paper-plane-tilt", "primary")
        self.stop = Button("Stop", "stop", name="Stop answering (Esc)")
        self.stop.hide()
        self.keep = Button("Cancel", look="plain", name="Cancel editing (Esc)")
        self._banner = QWidget()
        self._arrange()
        self.keep.clicked.connect(self.kept)
        self.field.textChanged.connect(self.typed)
        self.field.escaped.connect(self.kept)
        self.field.entered.connect(self._send)
        self.field.focus_changed.connect(self._show_focus)
        self.field.textChanged.connect(self._follow_text)
        self.send.clicked.connect(self._send)
        self.stop.clicked.connect(self.stopped)
        self._busy = False
        self._follow_text()

    def _arrange(self) -> None:
        line = row(self.field, self.send, self.stop)
        line.setStretch(0, 1)
        line.setAlignment(self.field, Qt.AlignmentFlag.AlignVCenter)
        for button in (self.send, self.stop):
            line.setAlignment(button, Qt.AlignmentFlag.AlignBottom)
        words = label("Editing an earlier question; its answers stay as another version.", "small", wrap=True)
        above = row(words, self.keep)
        above.setStretch(0, 1)
        self._banner.setLayout(above)
        self._banner.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID + 4, GRID - 2, GRID - 2, GRID - 2)
        column.setSpacing(0)
        column.addWidget(self._banner)
        column.addLayout(line)

    @property
    def text(self) -> str:
        """What is typed."""
        return self.field.toPlainText()

    def put(self, text: str) -> None:
        """Put text into the field, the cursor behind it."""
        self.field.setPlainText(text)
        self.field.moveCursor(self.field.textCursor().MoveOperation.End)

    def clear(self) -> None:
        """Empty the field."""
        self.field.clear()

    def show_busy(self, busy: bool) -> None:
        """While an answer is written there is [Stop] instead of [Send]."""
        had_focus = self.send.hasFocus() or self.stop.hasFocus()
        self._busy = busy
        self.send.setVisible(not busy)
        self.stop.setVisible(busy)
        if had_focus:
            self.field.setFocus()
        self._follow_text()

    def show_editing(self, editing: bool) -> None:
        """Say that the field holds an earlier question, or no longer."""
        had_focus = self.keep.hasFocus()
        self._banner.setVisible(editing)
        self.field.has_escape = editing
        if had_focus and not editing:
            self.field.setFocus()

    def _send(self) -> None:
        if self.text.strip() and not self._busy:
            self.sent.emit(self.text.strip())

    def _follow_text(self) -> None:
        self.send.setEnabled(bool(self.text.strip()) and not self._busy)
        self.field.fit()

    def _show_focus(self, active: bool) -> None:
        self.setProperty("active", active)
        self.style().unpolish(self)
        self.style().polish(self)


class _Field(QPlainTextEdit):
    entered = Signal()
    escaped = Signal()
    focus_changed = Signal(bool)

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self.has_escape = False
        self.setAccessibleName(name)
        self.setPlaceholderText(hint)
        self.setToolTip(KEYS)
        self.setAccessibleDescription(KEYS)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.document().setDocumentMargin(2)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def fit(self) -> None:
        """As high as its lines, up to eight of them."""
        spacing = self.fontMetrics().lineSpacing()
        lines = max(1, round(self.document().size().height()))
        shown = min(lines, MOST_LINES)
        as_needed, off = Qt.ScrollBarPolicy.ScrollBarAsNeeded, Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(as_needed if lines > MOST_LINES else off)
        self.setFixedHeight(shown * spacing + 8)

    def event(self, event: QEvent) -> bool:
        """Qt: Esc is the field's while it means something here."""
        return (self.has_escape and keeps_escape(event)) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Qt: Enter sends, with Shift it starts a new line."""
        if self.has_escape and event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
            return
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.entered.emit()
        else:
            super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Only text is pasted."""
        if source.hasText():
            self.insertPlainText(source.text())

    def resizeEvent(self, event: object) -> None:
        """Qt: the size changed."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self.fit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Qt: the cursor came."""
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Qt: the cursor left."""
        super().focusOutEvent(event)
        self.focus_changed.emit(False)
