"""Python's cyclic garbage is collected on Qt's thread alone: a widget that another thread frees crashes the program."""

import gc

from PySide6.QtCore import QObject, Qt, QTimer

EVERY_MS = 1000


class Garbage(QObject):
    """Takes the place of Python's automatic collection, which runs in whichever thread happens to allocate. Generations
    and thresholds stay Python's own; what is looked at is looked at once a second."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        timer = QTimer(self, interval=EVERY_MS, timerType=Qt.TimerType.VeryCoarseTimer)
        timer.timeout.connect(self.collect_due)
        timer.start()

    def collect_due(self) -> None:
        """Collect the oldest generation that has more in it than its threshold, and with it the younger ones."""
        counts = zip(gc.get_count(), gc.get_threshold(), strict=True)
        due = [generation for generation, (count, threshold) in enumerate(counts) if count > threshold > 0]
        if due:
            gc.collect(due[-1])
