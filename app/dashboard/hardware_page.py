"""Hardware: what this machine has, how busy it is, and how much of that is Spark; live, and the last minute to day."""

import time

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QVBoxLayout

from app.dashboard.context import Context
from app.dashboard.hardware_cards import (
    AcceleratorCard,
    CpuCard,
    DiskCard,
    MemoryCard,
    NoAccelerators,
    WorkCard,
)
from app.dashboard.hardware_head import HardwareHead
from app.dashboard.page import CardPage
from app.hardware_feed import HardwareFeed
from app.hardware_series import Series
from app.link import Connected, Refused, Stopped
from app.tokens import GRID
from app.widgets.card import Card, row
from app.widgets.chip import Chip
from app.widgets.tab_order import follow_reading_order
from app.widgets.text import label
from spark_engine.types.hardware import HardwareHistory, HardwareReading, Span

FOLD_BELOW = 700
STOPPED = "It is what reads the hardware; start it to see how busy this machine is."


class HardwarePage(CardPage):
    """Draws only while it is in sight; paused it stands still, and the engine goes on remembering."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._store = context, context.store
        self.head, self.trouble = HardwareHead(), TroubleCard()
        self.cpu, self.memory, self.disk, self.work = CpuCard(), MemoryCard(), DiskCard(), WorkCard()
        self.none, self.devices = NoAccelerators(), dict[str, AcceleratorCard]()
        self.feed, self.series = HardwareFeed(context.actions, self), Series()
        self._left, self._right, self._sides = (
            QVBoxLayout(),
            QVBoxLayout(),
            QBoxLayout(QBoxLayout.Direction.LeftToRight),
        )
        self._tabs = QTimer(self, singleShot=True, interval=0)
        self._arrange()
        self._connect()
        self._draw()

    def _arrange(self) -> None:
        for side, cards in ((self._left, (self.cpu, self.disk)), (self._right, (self.memory, self.none))):
            side.setSpacing(2 * GRID)
            for card in cards:
                side.addWidget(card)
            side.addStretch(1)
            self._sides.addLayout(side, 1)
        self._sides.setSpacing(2 * GRID)
        for part in (self.head, self.trouble):
            self.column.addWidget(part)
        self.column.addLayout(self._sides)
        self.column.addWidget(self.work)
        self.column.addStretch(1)

    def _connect(self) -> None:
        self._store.link_changed.connect(self._draw)
        self._store.hardware_changed.connect(self._draw)
        self.empty.acted.connect(self._act)
        self.head.span_chosen.connect(self._choose)
        self.head.paused.connect(self._pause)
        self.feed.fetched.connect(self._take)
        self._tabs.timeout.connect(lambda: follow_reading_order([self]))

    def recheck(self) -> None:
        """F5: read now."""
        self.feed.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Qt: it comes into sight."""
        super().showEvent(event)
        self.feed.start()
        self._draw()

    def hideEvent(self, event: QHideEvent) -> None:
        """Qt: it goes out of sight."""
        super().hideEvent(event)
        self.feed.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt: the size changed."""
        super().resizeEvent(event)
        folded = self.width() < FOLD_BELOW
        directions = QBoxLayout.Direction
        wanted = directions.TopToBottom if folded else directions.LeftToRight
        if self._sides.direction() != wanted:
            self._sides.setDirection(wanted)
            self.work.fold(folded)
            self._tabs.start()

    def _act(self) -> None:
        if isinstance(self._store.link, (Refused, Stopped)):
            self._context.actions.start_engine()

    def _choose(self, span: Span) -> None:
        self.feed.show_span(span)

    def _pause(self, paused: bool) -> None:
        if not paused:
            self.feed.refresh()
            self._draw()

    def _take(self, history: HardwareHistory) -> None:
        if not self.head.is_paused or history.span != self.series.span:
            self.series.load(history, time.time())
            self._draw_series()

    def _draw(self) -> None:
        if self.is_live and (not self.isVisible() or self.window().isMinimized()):
            return
        state = self._store.state
        if state is None or not isinstance(self._store.link, Connected):
            self.show_absence(self._store, STOPPED)
        elif not state.hardware.at:
            self.show_empty("cpu", "Reading the hardware", "The first reading takes a few seconds.")
        else:
            self.show_cards()
            if not self.head.is_paused:
                self._draw_reading(state.hardware)

    def _draw_reading(self, reading: HardwareReading) -> None:
        self.series.add(reading)
        self.head.show_time(reading.at)
        self.trouble.show_reason(reading.trouble)
        for card in (self.cpu, self.memory, self.disk, self.work):
            card.show_reading(reading)
        self._draw_devices(reading)
        self._draw_series()

    def _draw_devices(self, reading: HardwareReading) -> None:
        """A device that is gone for a moment (a driver that hangs) keeps its card only while it is read."""
        found = {device.id: device for device in reading.accelerators}
        for id in self.devices.keys() - found.keys():
            card = self.devices.pop(id)
            card.hide()
            card.deleteLater()
        for id, device in found.items():
            if id not in self.devices:
                self._add_device(AcceleratorCard(device))
            self.devices[id].show_device(device)
        hung = [one for one in reading.unread if "not answer" in one.reason or "failed" in one.reason]
        told = hung if found else reading.unread
        self.none.setVisible(bool(told) and not reading.trouble)
        self.none.show_unread(told, found=bool(found))

    def _add_device(self, card: AcceleratorCard) -> None:
        """Left and right in turn, below what is always there."""
        side = self._right if len(self.devices) % 2 == 0 else self._left
        side.insertWidget(1, card)
        self.devices[card.id] = card
        self._tabs.start()

    def _draw_series(self) -> None:
        for fixed in (self.cpu, self.memory, self.work):
            fixed.show_series(self.series)
        for card in self.devices.values():
            card.show_series(self.series)


class TroubleCard(Card):
    """Why a part of the hardware cannot be read now."""

    def __init__(self) -> None:
        super().__init__()
        self.title = label("Graphics, neural processors and the disk are not read now", "lead", wrap=True)
        self.reason = label(look="quiet", wrap=True)
        self.chip = Chip("not read", "warn", "triangle")
        line = row(self.title, self.chip)
        line.setStretch(0, 1)
        self.column.addLayout(line)
        self.column.addWidget(self.reason)
        self.hide()

    def show_reason(self, reason: str) -> None:
        """Without a reason there is nothing to show."""
        said = f"{reason} Processor and memory are still read, and Spark tries again by itself."
        self.reason.setText(said)
        self.setVisible(bool(reason))
