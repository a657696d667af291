"""The cards of the Hardware page: processor, memory, each GPU or NPU, disk, and Spark's own work."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QGridLayout, QSizePolicy

from app import hardware_words as words
from app.hardware_series import Series
from app.tokens import GRID
from app.widgets.card import Card, row
from app.widgets.chart import Chart
from app.widgets.core_bars import CoreBars
from app.widgets.meter import Meter
from app.widgets.text import ElidedLabel, label, show_text
from app.words import duration
from spark_engine.types.hardware import AcceleratorReading, HardwareReading, Unread
from spark_engine.types.quantities import size, speed

WIDE_METER = 8


class MeasureCard(Card):
    """A title with what it is, a figure, and Spark's part of it."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title, self.what = label(title, "lead"), ElidedLabel(look="small")
        self.figure, self.own = label(look="title"), label(look="quiet")
        self.column.addWidget(self.title)
        self.column.addWidget(self.what)
        self.column.addLayout(row(self.figure, self.own, None))

    def show_figure(self, figure: str, own: str = "", what: str = "") -> None:
        """What is read now; `own` is Spark's part."""
        self.figure.setText(figure)
        show_text(self.own, own)
        self.what.show_whole(what)
        self.what.setVisible(bool(what))


class CpuCard(MeasureCard):
    """Load of all cores and of each."""

    def __init__(self) -> None:
        super().__init__("Processor")
        self.meter = wide_meter("Processor load")
        self.cores, self.chart = CoreBars("Load of each core"), Chart("Load", words.percent)
        for part in (self.meter, self.cores, self.chart):
            self.column.addWidget(part)

    def show_reading(self, reading: HardwareReading) -> None:
        """What is read now."""
        cpu, own = reading.cpu, reading.own
        self.show_figure(words.percent(cpu.load), f"Spark {words.percent(own.cpu)}", cpu.name)
        self.own.setToolTip(words.own_words(own))
        others = max(0.0, cpu.load - own.cpu)
        told = f"Spark {words.percent(own.cpu)}, other programs {words.percent(others)}"
        self.meter.show_shares(own.cpu, others, told)
        told_cores = [words.core_words(at, core) for at, core in enumerate(cpu.cores)]
        self.cores.show_loads([core.load for core in cpu.cores], told_cores)

    def show_series(self, series: Series) -> None:
        """What was read."""
        self.chart.show_line(series.frame, series.line("cpu", "cpu_own"), top=1.0)


class MemoryCard(MeasureCard):
    """Main memory and swap."""

    def __init__(self) -> None:
        super().__init__("Memory")
        self.meter, self.swap = wide_meter("Memory in use"), label(look="small")
        self.chart = Chart("In use", size)
        self._total = 1.0
        for part in (self.meter, self.swap, self.chart):
            self.column.addWidget(part)

    def show_reading(self, reading: HardwareReading) -> None:
        """What is read now."""
        memory, own = reading.memory, reading.own.memory_bytes
        self._total = float(memory.total_bytes or 1)
        used = memory.total_bytes - memory.available_bytes
        self.show_figure(size(used), f"of {size(memory.total_bytes)}, Spark {size(own)}")
        self.own.setToolTip(words.own_words(reading.own))
        told = f"Spark {size(own)}, other programs {size(max(0, used - own))}, free {size(memory.available_bytes)}"
        self.meter.show_shares(own / self._total, max(0, used - own) / self._total, told)
        self.swap.setText(words.swap_words(memory))

    def show_series(self, series: Series) -> None:
        """What was read."""
        self.chart.show_line(series.frame, series.line("memory", "memory_own"), top=self._total)


class AcceleratorCard(MeasureCard):
    """One GPU or NPU, with the reason for whatever cannot be read."""

    def __init__(self, device: AcceleratorReading) -> None:
        super().__init__(device.name)
        self.id = device.id
        self.meter, self.memory = wide_meter(f"Memory of {device.name}"), label(look="small")
        self.facts, self.missing = label(look="small"), label(look="small", wrap=True)
        self.load_chart = Chart(f"Load of {device.name}", words.percent, 104, title="Load")
        self.memory_chart = Chart(f"Memory of {device.name}", size, 104, title="Memory in use")
        self._total = 0.0
        charts = (self.load_chart, self.memory_chart)
        for part in (self.facts, self.memory, self.meter, *charts, self.missing):
            self.column.addWidget(part)

    def show_device(self, device: AcceleratorReading) -> None:
        """What is read now."""
        load = "–" if device.load is None else words.percent(device.load)
        self.show_figure(load, "load", words.device_kind(device))
        self._total = float(device.memory_total_bytes or 0)
        own, used = device.own_memory_bytes or 0, device.memory_used_bytes
        told = words.device_memory(device)
        self.meter.setVisible(used is not None and self._total > 0)
        if used is not None and self._total:
            self.meter.show_shares(own / self._total, max(0, used - own) / self._total, told)
        show_text(self.memory, told)
        show_text(self.facts, words.device_facts(device))
        show_text(self.missing, words.missing_words(device))
        self.load_chart.setVisible("load" not in device.missing or device.load is not None)
        self.memory_chart.setVisible(used is not None)

    def show_series(self, series: Series) -> None:
        """What was read."""
        self.load_chart.show_line(series.frame, series.line(f"{self.id}/load"), top=1.0)
        memory = series.line(f"{self.id}/memory", f"{self.id}/memory_own")
        self.memory_chart.show_line(series.frame, memory, top=self._total, least=1e9)


class NoAccelerators(Card):
    """Nothing to speed Spark up was found: what was looked for, and why it is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.title, self.reasons = (
            label("Graphics and neural processors", "lead"),
            label(look="quiet", wrap=True),
        )
        self.column.addWidget(self.title)
        self.column.addWidget(self.reasons)

    def show_unread(self, unread: Sequence[Unread], *, found: bool) -> None:
        """The reasons; where something was `found` only those that are about a device."""
        self.title.setText("Not read" if found else "No graphics or neural processor")
        self.reasons.setText("\n".join(f"{one.reader}: {one.reason}" for one in unread))


class DiskCard(MeasureCard):
    """The disk that Spark's folder lies on."""

    def __init__(self) -> None:
        super().__init__("Disk")
        self.meter, self.traffic = wide_meter("Disk in use"), label(look="small")
        self.column.addWidget(self.meter)
        self.column.addWidget(self.traffic)

    def show_reading(self, reading: HardwareReading) -> None:
        """What is read now."""
        disk = reading.disk
        if disk is None:
            self.show_figure("–", "not read")
            self.meter.hide()
            show_text(self.traffic, "")
            return
        used = (disk.total_bytes - disk.free_bytes) / (disk.total_bytes or 1)
        self.show_figure(f"{size(disk.free_bytes)} free", f"of {size(disk.total_bytes)}", disk.path)
        self.meter.show()
        self.meter.show_shares(0.0, used, f"{words.percent(used)} of the disk is in use")
        known = disk.read_per_s is not None and disk.written_per_s is not None
        read, written = words.traffic(disk.read_per_s or 0), words.traffic(disk.written_per_s or 0)
        show_text(self.traffic, f"All disks: reading {read}, writing {written}" if known else "")


class WorkCard(Card):
    """What Spark does with it: speed, time to the first token, queue, downloads."""

    def __init__(self) -> None:
        super().__init__()
        self.column.addWidget(label("Spark at work", "lead"))
        self.charts = {
            "tokens_per_second": Chart("Speed", speed, 112),
            "first_token_ms": Chart("Time to the first token", duration, 112),
            "requests": Chart("Requests, running and waiting", _count, 112, own="running"),
            "download": Chart("Downloads", words.traffic, 112),
        }
        self.now = label(look="quiet", wrap=True)
        self.column.addWidget(self.now)
        self._grid = QGridLayout()
        self._grid.setSpacing(2 * GRID)
        self.column.addLayout(self._grid)
        self.fold(False)

    def fold(self, folded: bool) -> None:
        """One chart a line, or two."""
        for at, chart in enumerate(self.charts.values()):
            self._grid.addWidget(chart, *((at, 0) if folded else divmod(at, 2)))

    def show_reading(self, reading: HardwareReading) -> None:
        """What is read now."""
        work = reading.work
        queue = f"{work.running} running, {work.waiting} waiting"
        rate = speed(work.tokens_per_second) if work.tokens_per_second else "idle"
        fetched = (
            f" · downloading {words.traffic(work.download_bytes_per_s)}" if work.download_bytes_per_s else ""
        )
        self.now.setText(f"{rate} · {queue}{fetched}")

    def show_series(self, series: Series) -> None:
        """What was read."""
        frame, charts = series.frame, self.charts
        charts["tokens_per_second"].show_line(frame, series.line("tokens_per_second"), least=10.0)
        charts["first_token_ms"].show_line(frame, series.known("first_token_ms"), least=100.0)
        charts["requests"].show_line(frame, series.both("running", "waiting"), least=2.0)
        charts["download"].show_line(frame, series.line("download"), least=1e6)


def wide_meter(name: str) -> Meter:
    """A meter across its card."""
    made = Meter(name, height=WIDE_METER)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


_count: Callable[[float], str] = "{:g}".format
