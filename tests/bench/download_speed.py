"""How fast a model is downloaded, hashed and put in place, beside curl fetching the same file from the same server.

    python -m tests.bench.download_speed [--gib 4.6] [--rounds 5] [--folder /tmp]

The file is as large as Phi-4-mini's for ONNX. The rounds are interleaved. curl is timed alone, and with a `sync` of its
file, since Spark's download ends only when the file would outlive a loss of power. Everything is removed at the end.
"""

import argparse
import contextlib
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.download.job import command, new_job, write_job
from spark_engine.catalog.download.messages import Done, parse_message
from spark_engine.paths import BaseDir
from tests.support.hub_mirror import HubMirror

NAME, FILE = "bench/big-GGUF", "big-Q8_0.gguf"


def _serve(source: Path, pipe: Connection, bytes_per_second: float) -> None:
    with HubMirror(bytes_per_second=bytes_per_second) as hub:
        repository = hub.add(NAME, {FILE: source})
        file = repository.files[FILE]
        assert file.sha256 and file.oid  # hashed now, not when they are listed for the first time
        pipe.send((hub.url, repository.commit))
        pipe.recv()


@contextlib.contextmanager
def mirror(source: Path, bytes_per_second: float = 0) -> Iterator[tuple[str, str]]:
    """The address and the commit of a hub in another process; `bytes_per_second` of each connection (0: any)."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(source, there, bytes_per_second), daemon=True
    )
    process.start()
    try:
        yield here.recv()
    finally:
        here.send(None)
        process.join(5)


def curl_s(url: str, commit: str, folder: Path, *, sync: bool) -> float:
    """Seconds that curl takes."""
    target = folder / "by-curl"
    began = time.perf_counter()
    fetch = [
        "curl",
        "--silent",
        "--show-error",
        "--fail",
        "--output",
        target,
        f"{url}/{NAME}/resolve/{commit}/{FILE}",
    ]
    subprocess.run(fetch, check=True)
    if sync:
        subprocess.run(["sync", target], check=True)
    took = time.perf_counter() - began
    target.unlink()
    return took


def spark_s(url: str, folder: Path) -> tuple[float, float]:
    """Seconds that the download says it took, and that its process took."""
    base = BaseDir(folder / "spark")
    base.create()
    variant = CardVariant("gguf-q8_0", "gguf", "Q8_0", repository=NAME, file=FILE)
    job = new_job(base, "big:gguf-q8_0", variant, endpoint=url, offline=False, parallel=4)
    began = time.perf_counter()
    ended = subprocess.run(command(write_job(job)), capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    last = parse_message(ended.stdout.splitlines()[-1])
    if not isinstance(last, Done):
        sys.exit(f"the download failed: {ended.stdout} {ended.stderr}")
    shutil.rmtree(base.root)
    return last.seconds, took


def main() -> None:
    """Measure and print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gib", type=float, default=4.6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", default=None)
    arguments = parser.parse_args()
    size = int(arguments.gib * 2**30)
    times: dict[str, list[float]] = {"curl": [], "curl, sync": [], "spark": [], "spark, process": []}
    with tempfile.TemporaryDirectory(prefix="spark-speed-", dir=arguments.folder) as name:
        folder = Path(name)
        with (folder / "source").open("wb") as source:
            source.truncate(size)
        with mirror(folder / "source") as (url, commit):
            for _ in range(arguments.rounds):
                times["curl"].append(curl_s(url, commit, folder, sync=False))
                spark, process = spark_s(url, folder)
                times["spark"].append(spark)
                times["spark, process"].append(process)
                times["curl, sync"].append(curl_s(url, commit, folder, sync=True))
    middle = {name: statistics.median(taken) for name, taken in times.items()}
    for name, taken in times.items():
        all_of_them = " ".join(f"{t:.2f}" for t in taken)
        print(
            f"{name:15} {size / middle[name] / 1e6:7.0f} MB/s   median {middle[name]:.2f} s   ({all_of_them})"
        )
    alone, synced = (
        statistics.median(theirs / ours for theirs, ours in zip(times[name], times["spark"], strict=True))
        for name in ("curl", "curl, sync")
    )
    print(f"medians of each round's ratio: spark / curl {alone:.2f}, spark / curl with sync {synced:.2f}")


if __name__ == "__main__":
    main()
