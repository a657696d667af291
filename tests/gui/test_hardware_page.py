"""The Hardware page: figures with Spark's share, charts by pointer and keyboard, pause, spans, and every state."""

import time
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt

from app.dashboard.hardware_page import HardwarePage
from app.hardware_series import Series
from app.link import Connected, Lost, Stopped
from app.theme import appearance
from app.widgets.chart import Chart, Frame, Line
from spark_engine.types.hardware import AcceleratorReading, HardwareReading
from spark_engine.types.state import HardwareSampled, StateSnapshot
from tests.gui.conftest import Stage, until
from tests.gui.hardware import GPU, NOTHING, NPU, history, reading
from tests.gui.states import sample_state

LEFT = Qt.MouseButton.LeftButton
NOW = 1_795_000_000.0


def opened(stage: Stage) -> HardwarePage:
    stage.store.set_link(Connected(True))
    stage.window.go("hardware")
    page = stage.window.page
    assert isinstance(page, HardwarePage)
    return page


def feed(stage: Stage, *readings: HardwareReading) -> None:
    for one in readings:
        stage.feed(HardwareSampled(one))


# --- figures ---------------------------------------------------------------------------------------------------


def test_figures_tell_sparks_share_apart(stage: Stage) -> None:
    page = opened(stage)
    feed(stage, reading(NOW, GPU, NPU))
    assert page.is_live
    assert (page.cpu.figure.text(), page.cpu.own.text()) == ("34 %", "Spark 12 %")
    assert page.cpu.meter.shares == pytest.approx((0.12, 0.22))
    assert len(page.cpu.cores.loads) == 16
    assert "busiest: core 16: 94 %, 3.2 GHz" in page.cpu.cores.accessibleDescription()
    assert page.memory.figure.text() == "9.2 GB"
    assert page.memory.own.text() == "of 25 GB, Spark 1.3 GB"
    assert page.memory.meter.shares == pytest.approx((1.3 / 25, 7.9 / 25))
    assert page.memory.swap.text() == "Swap: 1.2 GB of 8.0 GB"
    assert page.disk.figure.text() == "73 GB free"
    assert "writing 12 MB/s" in page.disk.traffic.text()
    assert page.work.now.text() == "31.0 tok/s · 2 running, 1 waiting · downloading 12 MB/s"
    assert "m:v: 11 %, 1.2 GB" in page.cpu.own.toolTip()


def test_each_accelerator_has_a_card_with_what_is_known_and_why_the_rest_is_not(stage: Stage) -> None:
    page = opened(stage)
    feed(stage, reading(NOW, GPU, NPU))
    gpu, npu = page.devices[GPU.id], page.devices[NPU.id]
    assert (gpu.title.text(), gpu.figure.text()) == ("GeForce RTX 4070", "63 %")
    assert gpu.memory.text() == "Memory: 5.1 GB of 13 GB, Spark 3.4 GB"
    assert gpu.facts.text() == "62 °C · 140 W of 200 W · 1.9 GHz"
    assert gpu.missing.isHidden() and not gpu.memory_chart.isHidden()
    assert npu.missing.text() == "Not known: temperature, power. The driver does not tell it."
    assert npu.memory_chart.isHidden() and npu.meter.isHidden()
    assert page.none.isHidden()


def test_a_device_that_goes_takes_its_card_along(stage: Stage) -> None:
    page = opened(stage)
    feed(stage, reading(NOW, GPU), reading(NOW + 1))
    assert page.devices == {}
    feed(stage, reading(NOW + 2, GPU))
    assert list(page.devices) == [GPU.id]


def test_without_accelerators_it_says_what_was_looked_for(stage: Stage) -> None:
    page = opened(stage)
    feed(stage, reading(NOW, unread=NOTHING))
    assert page.none.isVisible()
    assert page.none.title.text() == "No graphics or neural processor"
    assert page.none.reasons.text().splitlines()[0] == "NVIDIA: The NVIDIA driver is not installed."


def test_a_driver_that_hangs_beside_a_card_that_works_is_told(stage: Stage) -> None:
    page = opened(stage)
    hung = replace(NOTHING[0], reason="The driver does not answer.")
    feed(stage, reading(NOW, NPU, unread=(hung, NOTHING[1])))
    assert page.none.isVisible()
    assert page.none.reasons.text() == "NVIDIA: The driver does not answer."


# --- states ----------------------------------------------------------------------------------------------------


def test_before_the_first_reading_it_says_so(stage: Stage) -> None:
    stage.feed(StateSnapshot(replace(sample_state(), hardware=HardwareReading())))
    page = opened(stage)
    assert not page.is_live
    assert page.empty._title.text() == "Reading the hardware"
    feed(stage, reading(NOW))
    assert page.is_live


def test_offline_it_says_why_and_offers_the_start(stage: Stage, qtbot: Any) -> None:
    page = opened(stage)
    feed(stage, reading(NOW))
    stage.store.set_link(Lost("It ended.", 1, 1.0))
    assert not page.is_live
    stage.store.set_link(Stopped())
    assert "reads the hardware" in page.empty._text.text()
    qtbot.mouseClick(page.empty.button, LEFT)
    assert stage.link.starts == 1
    stage.store.set_link(Connected(True))
    assert page.is_live


def test_broken_it_gives_the_reason_and_shows_what_there_is(stage: Stage) -> None:
    page = opened(stage)
    feed(
        stage,
        reading(
            NOW, disk=None, unread=NOTHING, trouble="The process that reads the hardware crashed (SIGSEGV)."
        ),
    )
    assert page.trouble.isVisible()
    assert "crashed (SIGSEGV)" in page.trouble.reason.text()
    assert page.cpu.figure.text() == "34 %"
    assert page.disk.figure.text() == "–"
    assert page.none.isHidden()
    feed(stage, reading(NOW + 1))
    assert page.trouble.isHidden()


def test_old_readings_are_not_called_live(stage: Stage) -> None:
    page = opened(stage)
    feed(stage, reading(time.time()))
    assert page.head.age.text() == "Live"
    feed(stage, reading(time.time() - 130))
    assert page.head.age.text() == "Last reading 2 min 10 s ago"


# --- charts ----------------------------------------------------------------------------------------------------


def test_a_live_minute_grows_and_forgets(stage: Stage) -> None:
    page = opened(stage)
    feed(stage, *(reading(NOW + second, GPU) for second in range(100)))
    line = page.cpu.chart.line
    assert 59 <= len(line.times) <= 62
    assert line.times[-1] == NOW + 99
    assert line.own is not None and line.own[-1] == 0.12
    assert page.devices[GPU.id].memory_chart.line.values[-1] == 5_100_000_000
    assert page.work.charts["requests"].line.values[-1] == 3
    assert page.memory.chart.top == 25_000_000_000


def test_pausing_keeps_what_is_shown(stage: Stage, qtbot: Any) -> None:
    page = opened(stage)
    feed(stage, reading(NOW))
    qtbot.mouseClick(page.head.pause, LEFT)
    feed(stage, replace(reading(NOW + 5), own=replace(reading(NOW).own, cpu=0.3)))
    assert page.cpu.own.text() == "Spark 12 %"
    assert page.head.age.text().startswith("Paused at")
    assert page.head.pause.accessibleName() == "Resume what is shown"
    qtbot.mouseClick(page.head.pause, LEFT)
    assert page.cpu.own.text() == "Spark 30 %"


def test_hidden_it_draws_nothing_and_shown_again_it_is_up_to_date(stage: Stage) -> None:
    page = opened(stage)
    feed(stage, reading(NOW))
    stage.window.go("home")
    assert not page.feed.is_running
    feed(stage, replace(reading(NOW + 5), own=replace(reading(NOW).own, cpu=0.3)))
    assert page.cpu.own.text() == "Spark 12 %"
    stage.window.go("hardware")
    assert page.feed.is_running
    assert page.cpu.own.text() == "Spark 30 %"


async def test_it_asks_for_readings_and_for_the_span(stage: Stage, qtbot: Any) -> None:
    page = opened(stage)
    feed(stage, reading(NOW))
    await until(lambda: ("hardware_history", "minute") in stage.client.calls)
    assert ("watch_hardware",) in stage.client.calls
    stage.client.calls.clear()
    qtbot.mouseClick(page.head.spans["day"], LEFT)
    await until(lambda: ("hardware_history", "day") in stage.client.calls)
    page.recheck()
    await until(lambda: stage.client.calls.count(("hardware_history", "day")) == 2)


def test_a_longer_span_replaces_the_minute(stage: Stage) -> None:
    page = opened(stage)
    feed(stage, reading(time.time()))
    times = [time.time() - 3600 + 10 * number for number in range(360)]
    page.feed.fetched.emit(history("hour", times))
    assert len(page.cpu.chart.line.times) == 360
    feed(stage, reading(time.time()))
    assert len(page.cpu.chart.line.times) == 360
    assert page.series.frame.length_s == 3600


def test_series_know_devices_that_come_later() -> None:
    series = Series()
    series.add(reading(NOW))
    series.add(reading(NOW + 1, GPU))
    assert series.line(f"{GPU.id}/load").values == [None, 0.63]
    assert series.line("nobody/load").values == [None, None]
    assert series.known(f"{GPU.id}/load").times == [NOW + 1]
    silent: AcceleratorReading = replace(GPU, own_memory_bytes=None)
    series = Series()
    series.add(reading(NOW, silent))
    assert series.line(f"{GPU.id}/memory", f"{GPU.id}/memory_own").own is None


@pytest.fixture
def chart(qtbot: Any) -> Chart:
    made = Chart("Load", "{:g} %".format)
    qtbot.addWidget(made)
    made.resize(400, 128)
    made.show()
    times = [NOW - 50 + 10 * number for number in range(6)]
    line = Line(times, [10.0, 20.0, None, 40.0, 50.0, 60.0], [5.0, 5.0, None, 5.0, 5.0, 6.0])
    made.show_line(Frame(NOW, 60.0, 15.0, ((60.0, "1 min ago"), (0.0, "now"))), line)
    return made


def test_the_scale_begins_at_zero_and_ends_at_a_round_number(chart: Chart) -> None:
    assert chart.top == 100.0
    chart.show_line(Frame(NOW, 60.0, 15.0, ()), Line([NOW], [130.0]), least=100.0)
    assert chart.top == 200.0
    chart.show_line(Frame(NOW, 60.0, 15.0, ()), Line(), least=100.0)
    assert chart.top == 100.0


def test_axes_are_drawn_anew_for_another_scale_span_size_or_theme(chart: Chart) -> None:
    def axes() -> bytes:
        drawn = chart.grab().toImage().copy(0, 0, round(chart._plot().left()), chart.height())
        return bytes(drawn.constBits())

    seen = [axes()]
    chart.show_line(Frame(NOW, 60.0, 15.0, ((60.0, "1 min ago"),)), Line([NOW], [30.0]))
    seen.append(axes())
    chart.resize(400, 160)
    seen.append(axes())
    appearance().force("dark")
    seen.append(axes())
    appearance().force("light")
    assert len(set(seen)) == 4
    ticks = chart.grab().toImage().copy(0, 140, 400, 20)
    chart.show_line(Frame(NOW, 60.0, 15.0, ((60.0, "1 hour ago"),)), Line([NOW], [30.0]))
    assert chart.grab().toImage().copy(0, 140, 400, 20) != ticks


def test_gaps_stay_gaps(chart: Chart) -> None:
    assert [list(run) for run in chart._runs()] == [[0, 1], [3, 4, 5]]
    chart.show_line(Frame(NOW, 60.0, 15.0, ()), Line([NOW - 40, NOW - 20, NOW - 10], [1.0, 1.0, 1.0]))
    assert [list(run) for run in chart._runs()] == [[0], [1, 2]]
    chart.show_line(Frame(NOW, 60.0, 15.0, ()), Line([NOW - 1, NOW], [None, None]))
    assert chart._runs() == []


def test_the_pointer_chooses_a_moment(chart: Chart, qtbot: Any) -> None:
    plot = chart._plot()
    qtbot.mouseMove(chart, QPoint(round(plot.right()) - 2, 60))
    assert chart.reading.endswith("60 %, Spark 6 %")
    clock = time.strftime("%H:%M:%S", time.localtime(NOW))
    assert chart.reading.startswith(clock)
    qtbot.mouseMove(chart, QPoint(round(plot.left() + plot.width() * 0.5), 60))
    assert "not known" in chart.reading
    qtbot.mouseMove(chart, QPoint(2, 60))
    assert chart.reading == ""


def test_the_keyboard_chooses_a_moment_and_screen_readers_hear_it(chart: Chart, qtbot: Any) -> None:
    assert chart.accessibleDescription() == "now 60 %, highest 60 %"
    said = []
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Home, Qt.Key.Key_Left, Qt.Key.Key_End):
        qtbot.keyClick(chart, key)
        said.append(chart.accessibleDescription().partition("  ")[2])
    assert said == [
        "60 %, Spark 6 %",
        "50 %, Spark 5 %",
        "10 %, Spark 5 %",
        "10 %, Spark 5 %",
        "60 %, Spark 6 %",
    ]


def painted(chart: Chart, colour: str) -> int:
    image = chart.grab().toImage()
    plot = chart._plot().toRect()
    return sum(
        image.pixelColor(x, y).name().upper() == colour.upper()
        for x in range(plot.left(), plot.right(), 2)
        for y in range(plot.top(), plot.bottom(), 2)
    )


@pytest.mark.parametrize("name", ["light", "dark"])
def test_own_share_is_filled_and_only_where_it_is(chart: Chart, name: str) -> None:
    look = appearance()
    try:
        look.force(name)
        own = painted(chart, look.theme.info)
        chart.show_line(Frame(NOW, 60.0, 15.0, ()), replace(chart.line, own=chart.line.values))
        assert painted(chart, look.theme.info) > 3 * own > 0
    finally:
        look.force("light")


def test_the_page_folds_where_the_window_is_narrow(stage: Stage, qtbot: Any) -> None:
    page = opened(stage)
    feed(stage, reading(NOW, GPU))
    qtbot.wait(20)
    assert abs(page.cpu.y() - page.memory.y()) < 5
    stage.window.resize(640, 560)
    qtbot.wait(20)
    assert page.memory.y() > page.cpu.y() + page.cpu.height()
    for chart in page.findChildren(Chart):
        if chart.isVisible():
            assert chart.mapTo(stage.window, QPoint(chart.width(), 0)).x() <= 640


def test_a_new_snapshot_with_readings_shows_them(stage: Stage) -> None:
    page = opened(stage)
    stage.feed(StateSnapshot(replace(sample_state(), hardware=reading(NOW, GPU))))
    assert page.is_live
