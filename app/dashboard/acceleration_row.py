"""One choice of acceleration: what it is, its four steps, its speed, one action; its evidence opens below."""

import time
from functools import cached_property

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.acceleration_words import (
    INSTALL,
    act_of,
    evidence,
    reason,
    share_of,
    speed_words,
    steps_of,
)
from app.actions import Actions
from app.tokens import GRID
from app.widgets.button import Button
from app.widgets.card import row, rule
from app.widgets.meter import Meter
from app.widgets.panel import Panel
from app.widgets.steps import StepsButton
from app.widgets.text import ElidedLabel, label, show_text
from app.words import breakable
from spark_engine.types.acceleration import AccelerationBackend, AccelerationChoice

SPEED_WIDTH, ACT_WIDTH, NAME_WIDTH = 140, 136, 104
FOLD_BELOW, BAR_WIDTH = 720, 48


class AccelerationRow(QWidget):
    """Shows a choice; changes in place. `resized` when its evidence opened or closed."""

    resized = Signal()

    def __init__(self, backend: AccelerationBackend, choice: AccelerationChoice, actions: Actions) -> None:
        super().__init__()
        self._backend, self._choice, self._actions = backend, choice, actions
        self._what = what = f"{backend.name} by {choice.name}"
        self.name, self._device = ElidedLabel(look="strong"), ElidedLabel(look="small")
        self.steps, self.meter = StepsButton(what), Meter(f"Speed of {what}", BAR_WIDTH)
        self._speed, self._why = label(look="small"), label(look="small", wrap=True)
        self.button, self.line, self._chosen = Button(), rule(), label("chosen", "small")
        self._arrange()
        self.steps.toggled.connect(self._open)
        self.button.clicked.connect(self._act)
        self.show_choice(backend, choice)

    def _arrange(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.name)
        words.addWidget(self._device)
        self._fast, action = QWidget(), QWidget()
        self._fast.setLayout(row(self.meter, self._speed, None))
        self._fast.setFixedWidth(SPEED_WIDTH)
        action.setLayout(row(None, self._chosen, self.button))
        action.setFixedWidth(ACT_WIDTH)
        self._grid = grid = QGridLayout(self)
        grid.setContentsMargins(0, GRID - 2, 0, GRID - 2)
        grid.setHorizontalSpacing(2 * GRID)
        grid.setVerticalSpacing(2)
        grid.addLayout(words, 0, 0)
        grid.addWidget(self.steps, 0, 1)
        grid.addWidget(self._fast, 0, 2)
        grid.addWidget(action, 0, 3)
        grid.addWidget(self._why, 1, 0, 1, 4)
        grid.setColumnStretch(0, 1)

    @cached_property
    def panel(self) -> "Evidence":
        """Its evidence; made when it is first opened."""
        made = Evidence(self._what, self._actions)
        made.closed.connect(lambda: self.steps.setChecked(False))
        made.check.clicked.connect(self._check)
        made.hide()
        self._grid.addWidget(made, 2, 0, 1, 4)
        return made

    def show_choice(self, backend: AccelerationBackend, choice: AccelerationChoice) -> None:
        """Show how it stands now."""
        self._backend, self._choice = backend, choice
        self.name.show_whole(choice.name)
        self._device.show_whole(choice.device)
        self._device.setVisible(bool(choice.device))
        steps = steps_of(choice)
        self.steps.show_steps(steps)
        words = speed_words(choice)
        self._speed.setText(words)
        self._show_meter()
        self.meter.show_shares(share_of(choice, backend), 0.0, words)
        why = "" if choice.checking else reason(choice)
        show_text(self._why, breakable(why))
        self._show_button()
        if self.steps.isChecked():
            self.panel.show_evidence(choice)
        self.setAccessibleName(f"{choice.name}: {steps.word}")
        self.setAccessibleDescription(", ".join(part for part in (choice.device, words, why) if part))

    def show_busy(self) -> None:
        """Something was asked for, or is answered."""
        self._show_button()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: the size changed; where there is little room the name needs that of the bar."""
        super().resizeEvent(event)
        self._fast.setFixedWidth(SPEED_WIDTH - (0 if self._has_room else BAR_WIDTH + GRID))
        self._show_meter()

    @property
    def _has_room(self) -> bool:
        return self.width() >= FOLD_BELOW

    def _show_meter(self) -> None:
        self.meter.setVisible(self._has_room and bool(self._speed.text()))

    def _show_button(self) -> None:
        act, id = act_of(self._backend, self._choice), self._backend.id
        busy = any(map(self._actions.is_busy, (f"acceleration:{id}", f"verify:{id}:{self._choice.id}")))
        self.button.say(act.word, f"{act.word}: {self._backend.name} by {self._choice.name}")
        self.button.setVisible(bool(act.word))
        self._chosen.setVisible(not act.word and self._choice.id == self._backend.chosen)
        self.button.setEnabled(not busy)
        if self.steps.isChecked():
            self.panel.check.setVisible(self._choice.installed)
            self.panel.check.setEnabled(not busy and not self._choice.checking)

    def _open(self, opened: bool) -> None:
        if opened:
            self.panel.show_evidence(self._choice)
            self._show_button()
        self.panel.setVisible(opened)
        if not opened:
            self.steps.setFocus()
        self.resized.emit()

    def _check(self) -> None:
        self._actions.verify_acceleration(self._backend.id, self._choice.id)

    def _act(self) -> None:
        command = self._choice.command
        match act_of(self._backend, self._choice).key:
            case "use":
                self._actions.use_acceleration(self._backend.id, self._choice.id)
            case "check":
                self._check()
            case "install":
                self._actions.install(command.removeprefix(INSTALL))
            case "copy":
                self._actions.copy(command, "The command")


class Evidence(Panel):
    """Versions, what the check found, how far it was from the CPU, when, and the command that would change it."""

    def __init__(self, what: str, actions: Actions) -> None:
        super().__init__("Evidence", f"Evidence for {what}")
        self._what, self._actions = what, actions
        self._choice: AccelerationChoice | None = None
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(2 * GRID)
        self._grid.setVerticalSpacing(GRID // 2)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, NAME_WIDTH)
        self._last_words = label(look="mono", wrap=True, selectable=True)
        self.check, self.copy = Button("Check again", look="inset"), Button("Copy details", "copy", "inset")
        self.check.setAccessibleName(f"Check again: {what}")
        self.copy.setAccessibleName(f"Copy details: {what}")
        self.column.addLayout(self._grid)
        self.column.addWidget(self._last_words)
        self.column.addLayout(row(self.check, self.copy, None))
        self.copy.clicked.connect(self._copy)

    def show_evidence(self, choice: AccelerationChoice) -> None:
        """Show what is known now."""
        if choice == self._choice:
            return
        self._choice = choice
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for place, (name, value) in enumerate(evidence(choice, time.time())):
            said = label(
                breakable(value), "mono" if name == "Command" else "quiet", wrap=True, selectable=True
            )
            self._grid.addWidget(label(name, "small"), place, 0)
            self._grid.addWidget(said, place, 1)
        self.check.say("Check again" if choice.check else "Check now", f"Check now: {self._what}")
        show_text(self._last_words, choice.check.evidence if choice.check else "")

    def _copy(self) -> None:
        if self._choice is not None:
            lines = [f"{name}: {value}" for name, value in evidence(self._choice, time.time())]
            last = [self._choice.check.evidence] if self._choice.check and self._choice.check.evidence else []
            self._actions.copy("\n".join((self._what, *lines, *last)), "The evidence")
