"""Kills a download a hundred times at random moments, and counts what that costs.

    python -m tests.bench.download_kills [--kills 100] [--mib 256] [--mbps 200]

Prints how many downloads came through with the right sha256, the most and the mean bytes that a kill made the server
send again, and how often something half stood in the library. `--mbps 0` lets the server send as fast as it can.
"""

import argparse
import hashlib
import random
import tempfile
import time
from pathlib import Path

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.download.job import Job
from spark_engine.catalog.download.messages import Listed
from spark_engine.paths import BaseDir
from tests.support.downloading import Download, job_of, parts, run_job
from tests.support.hub_mirror import HubMirror

NAME, FILES = "bench/split-GGUF", ("split-Q8_0-00001-of-00002.gguf", "split-Q8_0-00002-of-00002.gguf")
MIB = 1 << 20


def make_source(file: Path, size: int, seed: int) -> Path:
    """A file of random bytes."""
    chance = random.Random(seed)
    with file.open("wb") as target:
        for _ in range(size // MIB):
            target.write(chance.randbytes(MIB))
    return file


def main() -> None:
    """Kill, go on, count, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--mib", type=int, default=256, help="of the larger of the two files")
    parser.add_argument(
        "--mbps", type=float, default=200, help="megabytes a second of each connection; 0: no limit"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance, twice, half, kills, whole, begun = random.Random(arguments.seed), [], 0, 0, 0, 0
    with (
        tempfile.TemporaryDirectory(prefix="spark-kills-") as name,
        HubMirror(bytes_per_second=arguments.mbps * 1e6, send_buffer=1 << 17) as hub,
    ):
        folder = Path(name)
        sizes = (arguments.mib * MIB, arguments.mib * MIB // 4)
        sources = {
            f: make_source(folder / f, size, n) for n, (f, size) in enumerate(zip(FILES, sizes, strict=True))
        }
        repository = hub.add(NAME, sources)
        base = BaseDir(folder / "spark")
        base.create()
        while kills < arguments.kills:
            begun += 1
            variant = CardVariant("gguf-q8_0", "gguf", "Q8_0", repository=NAME, file=FILES[0])
            job = job_of(base, hub, f"split-{begun}:gguf-q8_0", variant)
            while True:
                sent, had = hub.sent.total(), kept(job)
                running = Download(job)
                if chance.random() < 0.9:
                    running.wait_for(Listed)
                time.sleep(chance.uniform(0, 0.4))
                if kills == arguments.kills or running.process.poll() is not None:
                    running.wait()
                    break
                running.end()
                if Path(job.target).exists():
                    break
                kills += 1
                time.sleep(0.05)  # the server notices
                twice.append(hub.sent.total() - sent - (kept(job) - had))
            if not Path(job.target).exists():
                run_job(job)
            there = [Path(job.target) / f for f in FILES]
            half += not all(f.is_file() for f in there)
            right = [sha256(f) == repository.files[f.name].sha256 for f in there if f.is_file()]
            whole += len(right) == len(FILES) and all(right)
    print(f"{kills} kills in {begun} downloads: sha256 right in {whole} of {begun}, half models seen {half}")
    print(
        f"bytes sent again by a kill: most {max(twice) / MIB:.2f} MiB, mean {sum(twice) / len(twice) / MIB:.2f} MiB"
    )


def kept(job: Job) -> int:
    """Bytes of a job that are on the disk."""
    files = Path(job.staging) / "files"
    placed = sum(f.stat().st_size for f in files.rglob("*.gguf")) if files.exists() else 0
    return placed + sum(parts(job).values())


def sha256(file: Path) -> str:
    """Of a file."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


if __name__ == "__main__":
    main()
