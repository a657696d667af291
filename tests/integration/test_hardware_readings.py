"""The hardware readings of an engine: the real child, children that hang, crash and babble, pace, history, the API."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import psutil
import pytest

from spark_engine.client.http import SparkClient
from spark_engine.engine import hardware
from spark_engine.engine.bus import Bus
from spark_engine.engine.hardware import HardwareMonitor, work_of
from spark_engine.engine.hardware_probe import Probe, ProbeFailed
from spark_engine.errors import SparkError
from spark_engine.paths import BaseDir
from spark_engine.types.downloads import DownloadEntry, Fetching, Paused
from spark_engine.types.generation import Timings, Usage
from spark_engine.types.hardware import HardwareReading
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import EngineInfo, EngineState, HardwareSampled
from tests.support.scripted_engine import ScriptedEngine, serving
from tests.support.served import serve, wait_until

NOBODY = 99_999_999
ROLES = {os.getpid(): "engine"}
posix = pytest.mark.skipif(os.name != "posix", reason="signals")
ANSWER = "print('{\"at\": 5.0}', flush=True)"


def child(code: str) -> list[str]:
    """A probe that runs this for every line it is asked."""
    return [
        sys.executable,
        "-c",
        f"import os, sys, time\nfor number, line in enumerate(sys.stdin):\n    {code}",
    ]


@pytest.fixture
async def probes() -> AsyncIterator[Callable[..., Probe]]:
    made: list[Probe] = []

    def make(command: list[str], patience_s: float = 5.0, first_pause_s: float = 0.2) -> Probe:
        made.append(Probe(command, patience_s, first_pause_s))
        return made[-1]

    yield make
    for probe in made:
        await probe.close()


async def refused(probe: Probe) -> str:
    with pytest.raises(ProbeFailed) as failed:
        await probe.read(ROLES)
    return str(failed.value)


# --- the child -------------------------------------------------------------------------------------------------


async def test_the_real_child_reads_the_machine_and_knows_whose_share_is_whose(tmp_path: Path) -> None:
    probe = Probe.of_folder(str(tmp_path))
    first = await probe.read(ROLES)
    second = await probe.read(ROLES)
    pid = probe.pid
    assert second.at > first.at
    assert len(second.cpu.cores) == psutil.cpu_count()
    assert second.disk is not None and second.disk.path == str(tmp_path)
    assert {one.role for one in second.own.processes} == {"engine", "readings"}
    assert {one.pid for one in second.own.processes} == {os.getpid(), pid}
    assert second.accelerators or second.unread
    await probe.close()
    assert probe.pid is None
    assert pid is not None and not psutil.pid_exists(pid)


async def test_the_child_ends_when_its_engine_is_gone(tmp_path: Path) -> None:
    probe = Probe.of_folder(str(tmp_path))
    await probe.read(ROLES)
    assert probe._process is not None and probe._process.stdin is not None
    probe._process.stdin.close()
    async with asyncio.timeout(5):
        assert await probe._process.wait() == 0
    await probe.close()


async def test_a_child_that_hangs_is_cut_off_and_replaced(
    probes: Callable[..., Probe], expect_log: Callable[[str], None]
) -> None:
    expect_log("did not answer in time")
    probe = probes(child(f"time.sleep(60) if number else {ANSWER}"), patience_s=0.3)
    assert (await probe.read(ROLES)).at == 5.0
    pid, began = probe.pid, time.monotonic()
    assert "did not answer in time" in await refused(probe)
    assert 0.25 < time.monotonic() - began < 2
    assert pid is not None and not psutil.pid_exists(pid)
    assert "did not answer in time" in await refused(probe)
    assert probe.pid is None
    await asyncio.sleep(0.25)
    assert (await probe.read(ROLES)).at == 5.0


@posix
async def test_a_crash_is_told_by_its_signal(
    probes: Callable[..., Probe], expect_log: Callable[[str], None]
) -> None:
    expect_log("SIGSEGV")
    probe = probes(child("os.kill(os.getpid(), 11)"))
    assert await refused(probe) == "The process that reads the hardware crashed (SIGSEGV)."


async def test_an_end_and_nonsense_are_told_and_what_it_wrote_is_in_the_log(
    probes: Callable[..., Probe], expect_log: Callable[[str], None]
) -> None:
    for said in ("exit status 3.*the driver complains", "said something", "could not be started"):
        expect_log(said)
    probe = probes(child("sys.stderr.write('the driver complains\\n'); sys.stderr.flush(); os._exit(3)"))
    assert "exit status 3" in await refused(probe)
    assert "said something" in await refused(probes(child("print('hello', flush=True)")))
    assert "could not be started" in await refused(probes(["/nowhere/at/all"]))


async def test_pauses_between_starts_double(
    probes: Callable[..., Probe], expect_log: Callable[[str], None]
) -> None:
    expect_log("exit status 1")
    probe = probes(child("os._exit(1)"), first_pause_s=0.1)
    starts: list[float] = []
    begin = probe._start

    async def counted() -> asyncio.subprocess.Process:
        starts.append(time.monotonic())
        return await begin()

    probe._start = counted  # type: ignore[method-assign]
    while len(starts) < 4:
        await refused(probe)
        await asyncio.sleep(0.01)
    pauses = [b - a for a, b in zip(starts, starts[1:], strict=False)]
    assert pauses[0] >= 0.1 and pauses[1] >= 0.2 and pauses[2] >= 0.4


# --- the monitor -----------------------------------------------------------------------------------------------


class Scripted(Probe):
    """Counts what it is asked; `trouble` makes it fail."""

    def __init__(self) -> None:
        super().__init__([])
        self.asked: list[dict[int, str]] = []
        self.closed, self.trouble = 0, ""

    async def read(self, roles: object) -> HardwareReading:
        self.asked.append(dict(roles))  # type: ignore[call-overload]
        if self.trouble:
            raise ProbeFailed(self.trouble)
        return HardwareReading(time.time())

    async def close(self) -> None:
        self.closed += 1


def new_bus() -> Bus:
    return Bus(EngineState(EngineInfo("1", 1, 0.0, "http://127.0.0.1:1", "base")))


@pytest.fixture
async def monitor(base: BaseDir) -> AsyncIterator[HardwareMonitor]:
    made = HardwareMonitor(base, new_bus(), MetricsSample, lambda: {"m:v": NOBODY}, Scripted())
    yield made
    await made.close()


async def settle(condition: Callable[[], bool], timeout_s: float = 5) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


async def test_it_reads_each_second_while_somebody_watches_and_rarely_otherwise(
    monitor: HardwareMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "WATCHED_S", 0.1)
    monkeypatch.setattr(hardware, "UNWATCHED_S", 1.0)
    monkeypatch.setattr(hardware, "WATCH_LASTS_S", 0.75)
    probe = monitor._probe
    assert isinstance(probe, Scripted)
    monitor.start(after_s=30)
    await asyncio.sleep(0.1)
    assert probe.asked == []
    monitor.watch()
    await asyncio.sleep(0.7)
    watched = len(probe.asked)
    assert 5 <= watched <= 8
    readings: list[HardwareReading] = []
    monkeypatch.setattr(monitor._history, "add", readings.append)
    assert probe.asked[0] == {os.getpid(): "engine", NOBODY: "m:v"}
    await asyncio.sleep(0.6)
    assert len(readings) <= 3
    assert len(probe.asked) <= watched + 2
    assert not monitor.is_watched


async def test_unwatched_without_accelerators_no_child_is_kept(
    monitor: HardwareMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "UNWATCHED_S", 0.05)
    probe = monitor._probe
    assert isinstance(probe, Scripted)
    monitor.start(after_s=0)
    await settle(lambda: probe.closed > 2)
    assert len(probe.asked) == 1
    reading = monitor._bus.state.hardware
    assert len(reading.cpu.cores) == psutil.cpu_count()
    assert [one.role for one in reading.own.processes] == ["engine"]


async def test_a_child_that_cannot_read_leaves_processor_memory_and_the_reason(
    monitor: HardwareMonitor,
) -> None:
    probe = monitor._probe
    assert isinstance(probe, Scripted)
    probe.trouble = "A driver did not answer in time."
    monitor.start(after_s=0)
    await settle(lambda: monitor._bus.state.hardware.at > 0)
    reading = monitor._bus.state.hardware
    assert reading.trouble == "A driver did not answer in time."
    assert reading.memory.total_bytes and reading.cpu.cores
    assert monitor.history("minute").columns["memory"][-1]


def test_the_work_of_a_reading() -> None:
    def request(id: str, ended: float | None, first_ms: float, tokens: int) -> RequestEntry:
        return RequestEntry(
            id, "m:v", "finished", "", 1.0, ended, Usage(1, tokens), Timings(first_token_ms=first_ms)
        )

    state = EngineState(
        EngineInfo("1", 1, 0.0, "", ""),
        requests={
            "old": request("old", 9.0, 900.0, 3),
            "a": request("a", 11.0, 100.0, 3),
            "b": request("b", 12.0, 300.0, 3),
            "none": request("none", 12.0, 0.0, 0),
            "runs": request("runs", None, 0.0, 0),
        },
        downloads={
            "x": DownloadEntry("x", "o/x", Fetching(3e6)),
            "y": DownloadEntry("y", "o/y", Fetching(1e6)),
            "z": DownloadEntry("z", "o/z", Paused()),
        },
    )
    work = work_of(state, MetricsSample(tokens_per_second=8.5, running=2, waiting=1), since=10.0)
    assert (work.tokens_per_second, work.running, work.waiting) == (8.5, 2, 1)
    assert work.first_token_ms == 200.0
    assert work.download_bytes_per_s == 4e6
    assert work_of(state, MetricsSample(), since=20.0).first_token_ms is None


async def test_a_slow_watcher_sees_the_newest_reading_only() -> None:
    bus = new_bus()
    watcher = bus.watch()
    for at in range(5):
        bus.publish(HardwareSampled(HardwareReading(float(at + 1))))
    assert [type(event).__name__ for event in watcher._pending] == ["StateSnapshot", "HardwareSampled"]
    assert watcher._pending[-1] == HardwareSampled(HardwareReading(5.0))


# --- the API ---------------------------------------------------------------------------------------------------


async def test_readings_are_the_owners_only() -> None:
    async with serving() as api, httpx.AsyncClient(base_url=api.address + "/spark/v1/") as http:
        for path in ("hardware", "hardware/history"):
            assert (await http.get(path)).status_code == 403
            assert (await http.get(path, headers=api.owner)).status_code == 200
        assert (await http.post("hardware/watch")).status_code == 403
        assert isinstance(api.engine, ScriptedEngine)
        assert api.engine.commands == []
        assert (await http.post("hardware/watch", headers=api.owner)).json() == {"id": "hardware"}
        assert api.engine.commands == [("watch", "hardware")]
        assert (await http.get("hardware/watch", headers=api.owner)).status_code == 405


async def test_a_span_that_there_is_not_is_refused_with_its_field() -> None:
    async with serving() as api, httpx.AsyncClient(base_url=api.address + "/spark/v1/") as http:
        reply = await http.get("hardware/history?span=week", headers=api.owner)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "span")


@pytest.mark.slow
def test_a_real_engine_reads_tells_and_remembers_over_a_kill(tmp_path: Path) -> None:
    async def watched(base: BaseDir) -> tuple[HardwareReading, list[float]]:
        async with SparkClient(base) as client:
            await client.watch_hardware()
            seen: list[float] = []
            async for event in client.events():
                if isinstance(event, HardwareSampled):
                    seen.append(event.reading.at)
                if len(seen) == 4:
                    break
            minute = await client.hardware_history("minute")
            assert len(minute.times) >= 3
            with pytest.raises(SparkError):
                await client.hardware_history("week")  # type: ignore[arg-type]
            return await client.hardware(), seen

    with serve(tmp_path, models_preload="false") as served:
        reading, seen = asyncio.run(watched(served.base))
        assert 1.5 < seen[-1] - seen[0] < 6
        own = {one.role: one.pid for one in reading.own.processes}
        assert own["engine"] == served.process.pid
        child = psutil.Process(own["readings"])
        assert reading.disk is not None and reading.disk.path == str(tmp_path)
        served.process.send_signal(signal.SIGKILL)
        served.process.wait(10)
        wait_until(
            lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10, "the child ends"
        )
    with serve(tmp_path, models_preload="false") as served:
        reply = httpx.get(f"{served.address}/spark/v1/hardware/history?span=hour", headers=served.owner)
        assert reply.json()["times"]
        assert min(abs(at - reading.at) for at in reply.json()["times"]) <= 10
