"""What the desktop promises, measured on a real screen with the real app, its engine and spark-nano.

    python -m tests.bench.desktop_promises start [--rounds 7]
    python -m tests.bench.desktop_promises idle [--seconds 60]
    python -m tests.bench.desktop_promises smooth [--seconds 6] [--mbps 30]
    python -m tests.bench.desktop_promises many

`start`: from the start of the process to the painted window, to the engine's first answer, to a loaded model. `idle`:
memory and CPU of the app's process, with the Hardware page open and hidden in the tray. `smooth`: how long Qt's loop
was away at most on each page, while eight streams run beside the window's own and downloads saturate; beside it how
long the machine kept a process waiting that does nothing. The window has stood open for a few seconds before. `many`:
the same for opening and using each page with 200 models and 10,000 finished requests.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from msgspec import convert

from app.dashboard import pages
from spark_engine.client.endpoint import read_endpoint
from spark_engine.engine.request_history import KEPT, RequestHistory
from spark_engine.engine.store import Store
from spark_engine.paths import BaseDir
from spark_engine.types.generation import Timings, Usage
from spark_engine.types.requests import RequestEntry
from tests.bench.bystander import bystander
from tests.bench.download_speed import FILE, mirror
from tests.bench.download_speed import NAME as BIG
from tests.bench.library_promises import write_card
from tests.support.person import Person, person
from tests.support.screen import Screen, screen
from tests.support.served import children, free_port, wait_until

PAGES = tuple(page.word for page in pages.PAGES)
STREAMS, GIB, MODELS = 8, 4, 200
OPEN_S = 8
MIB = 2**20


def settings(port: int, **more: str) -> dict[str, str]:
    """The environment of an app whose engine takes free ports and only what is its own."""
    quiet = {
        "SPARK_SERVER_HEALTH_PORT": "0",
        "SPARK_SERVER_METRICS_PORT": "0",
        "SPARK_MODELS_OTHER_APPS": "false",
    }
    return {
        "SPARK_SERVER_PORT": str(port),
        **quiet,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        **more,
    }


def start(arguments: argparse.Namespace) -> None:
    """Start again and again; print medians and the worst."""
    rows = []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="spark-start-") as name, screen(Path(name)) as shown:
            rows.append(_start_once(shown, Path(name) / "spark"))
    for what, values in zip(
        ("window painted", "engine answers", "model loaded"), zip(*rows, strict=True), strict=True
    ):
        print(f"{what}: median {statistics.median(values):.2f} s, worst {max(values):.2f} s after the start")


def _start_once(shown: Screen, root: Path) -> tuple[float, float, float]:
    port, began = free_port(), time.perf_counter()
    app = shown.start(sys.executable, "-m", "app", "--base-dir", str(root), **settings(port))
    painted = _until(lambda: shown.image().pixelColor(700, 700).lightness() > 20) - began
    answers = _until(lambda: _get(port, "/health") is not None) - began
    loaded = _until(lambda: bool((_get(port, "/health") or {}).get("ready"))) - began
    _quit(app.process.pid)
    app.process.wait(30)
    return painted, answers, loaded


def _until(holds: Callable[[], bool]) -> float:
    wait_until(holds, 60)
    return time.perf_counter()


def _get(port: int, path: str) -> dict[str, object] | None:
    try:
        reply = httpx.get(f"http://127.0.0.1:{port}{path}")
    except httpx.HTTPError:
        return None
    told = reply.json()
    return told if isinstance(told, dict) else None


def _quit(leash: int) -> None:
    for process in children(leash)[:1]:
        process.terminate()


def idle(arguments: argparse.Namespace) -> None:
    """Print memory and CPU of the app's process."""
    with tempfile.TemporaryDirectory(prefix="spark-idle-") as name, screen(Path(name)) as shown:
        shown.dock()
        port = free_port()
        app = shown.start(
            sys.executable, "-m", "app", "--base-dir", str(Path(name) / "spark"), **settings(port)
        )
        _until(lambda: bool((_get(port, "/health") or {}).get("ready")))
        process = children(app.process.pid)[0]
        time.sleep(10)
        print(f"Home open: {_memory(process)}")
        shown.hands("key", "ctrl+5")
        time.sleep(15)
        print(f"Hardware open: {_memory(process)}, CPU {_cpu(process, arguments.seconds):.2f} % of a core")
        shown.hands("key", "ctrl+w")
        time.sleep(15)
        print(f"hidden: {_memory(process)}, CPU {_cpu(process, arguments.seconds):.2f} % of a core")
        _quit(app.process.pid)
        app.process.wait(30)


def _memory(process: psutil.Process) -> str:
    told = process.memory_full_info()
    return f"RSS {told.rss / 1e6:.0f} MB, PSS {told.pss / 1e6:.0f} MB, USS {told.uss / 1e6:.0f} MB"


def _cpu(process: psutil.Process, seconds: float) -> float:
    """Percent of one core."""
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(seconds)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return 100 * used / (time.monotonic() - began)


def smooth(arguments: argparse.Namespace) -> None:
    """Print the longest gaps on each page under load."""
    with tempfile.TemporaryDirectory(prefix="spark-smooth-") as name:
        root, source = Path(name) / "spark", Path(name) / "source"
        with source.open("wb") as file:
            file.truncate(GIB * 2**30)
        write_card(root, "big", BIG, FILE)
        rate = arguments.mbps * 1e6
        with mirror(source, rate) as (url, _), _watched(Path(name), root, SPARK_HUB_ENDPOINT=url) as somebody:
            _step_back_server()
            time.sleep(OPEN_S)
            _measure_load(somebody, BaseDir(root), arguments.seconds)


def _step_back_server() -> None:
    """What would be another machine's work gives way to this one's."""
    for process in multiprocessing.active_children():
        psutil.Process(process.pid).nice(10)


def _measure_load(somebody: Person, base: BaseDir, seconds: float) -> None:
    endpoint = read_endpoint(base)
    assert endpoint is not None
    owner, over = {"Authorization": f"Bearer {endpoint.token}"}, threading.Event()
    tokens = [0] * STREAMS
    askers = [
        threading.Thread(target=_stream, args=(endpoint.address, over, tokens, n)) for n in range(STREAMS)
    ]
    for asker in askers:
        asker.start()
    done: list[float] = []
    loading = threading.Thread(target=_download, args=(endpoint.address, owner, over, done))
    loading.start()
    began = time.monotonic()
    try:
        with bystander() as beat:
            for page in PAGES:
                beat()
                _visit(somebody, page, lambda page=page: _use(somebody, page, seconds))  # type: ignore[misc]
                print(f"{'':21} the machine kept an idle process waiting up to {1000 * beat():.0f} ms")
    finally:
        over.set()
        for thread in (*askers, loading):
            thread.join()
    print(f"{sum(tokens) / (time.monotonic() - began):.0f} pieces a second in {STREAMS} streams")
    each = f", each in {statistics.median(done):.1f} s" if done else ""
    print(f"{len(done)} whole downloads of {GIB} GiB{each}")


def _use(somebody: Person, page: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if page == "Chat":
            somebody.type("What can you do?")
            somebody.press("Return")
        time.sleep(1.0)


def _stream(address: str, over: threading.Event, tokens: list[int], number: int) -> None:
    body = {
        "model": "spark-nano", "messages": [{"role": "user", "content": f"Count from {number} on."}],
        "stream": True, "max_tokens": 2000, "ignore_eos": True,
    }  # fmt: skip
    with httpx.Client(base_url=address, timeout=60) as http:
        while not over.is_set():
            with http.stream("POST", "/v1/chat/completions", json=body) as reply:
                reply.raise_for_status()
                for _ in reply.iter_raw():
                    tokens[number] += 1
                    if over.is_set():
                        break


def _download(address: str, owner: dict[str, str], over: threading.Event, done: list[float]) -> None:
    """Download the large file again and again; how many seconds each took."""
    with httpx.Client(base_url=f"{address}/spark/v1", headers=owner, timeout=60) as http:
        while not over.is_set():
            if http.post("/downloads", json={"model": "big"}).is_error:
                over.wait(0.1)  # the one before is still being removed
                continue
            began = time.monotonic()
            while not over.wait(0.2):
                told = http.get("/downloads").json().get("big:gguf-q8_0")
                if told is None or told["status"]["type"] == "fetched":
                    done.append(time.monotonic() - began)
                    break
            http.post("/models/big:gguf-q8_0/remove")


def many(arguments: argparse.Namespace) -> None:
    """Print how long opening each page takes, and using it."""
    with tempfile.TemporaryDirectory(prefix="spark-many-") as name:
        root = Path(name) / "spark"
        for number in range(MODELS):
            write_card(root, f"model-{number:03}", f"somebody/model-{number:03}-GGUF", f"model-{number}.gguf")
        asyncio.run(_fill(BaseDir(root)))
        with _watched(Path(name), root) as somebody:
            time.sleep(3)
            for again in ("first", "again"):
                for page in PAGES:
                    _visit(somebody, page, lambda: time.sleep(1.5), again)
            for page in ("Models", "Requests"):
                somebody.go(page)
                time.sleep(1.5)
                _visit(somebody, page, lambda: _scroll(somebody), "scrolled")


async def _fill(base: BaseDir) -> None:
    base.create()
    history, now = RequestHistory(Store(base.state / "store.db"), tuple), time.time()
    for number in range(KEPT):
        at = now - 10 * (KEPT - number)
        history.add(
            RequestEntry(
                f"request-{number:05}", f"model-{number % MODELS:03}:gguf-q8_0", "finished", f"app {number % 9}",
                at, at + 5, Usage(120, 64, 200), Timings(2, 0, 300, 4600, 310, 43.0),
            )
        )  # fmt: skip
    await history.close()


def _scroll(somebody: Person) -> None:
    somebody.screen.point(640, 600)
    for _ in range(10):
        somebody.screen.hands("click", "--repeat", "10", "--delay", "10", "5")


def _visit(somebody: Person, page: str, use: Callable[[], None], what: str = "") -> None:
    """Open a page, do something, and print the longest gaps from the key press on."""
    somebody.ask("begin")
    somebody.press(f"ctrl+{(PAGES.index(page) + 1) % 10}")
    use()
    gaps = convert(somebody.ask("end"), list[tuple[float, float]])
    told = ", ".join(f"{1000 * gap:.0f} ({1000 * worked:.0f})" for gap, worked in gaps[:4])
    print(f"{page:13}{what:9} longest gaps (of which it worked) {told} ms", flush=True)


@contextmanager
def _watched(folder: Path, root: Path, **more: str) -> Iterator[Person]:
    with screen(folder) as shown, person(shown, root, **settings(free_port(), **more)) as somebody:
        shown.dock()
        somebody.sees("Spark is ready", 60)
        yield somebody


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for name, work in (("start", start), ("idle", idle), ("smooth", smooth), ("many", many)):
        command = commands.add_parser(name)
        command.set_defaults(work=work)
        if name == "start":
            command.add_argument("--rounds", type=int, default=7)
        if name == "smooth":
            help = (
                "megabytes a second of each of the four connections; 0: as fast as this machine serves itself"
            )
            command.add_argument("--mbps", type=float, default=30, help=help)
        if name in ("idle", "smooth"):
            command.add_argument("--seconds", type=float, default=60.0 if name == "idle" else 6.0)
    arguments = parser.parse_args()
    arguments.work(arguments)


if __name__ == "__main__":
    main()
