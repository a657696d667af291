"""What the model library promises, measured on a whole engine: kills, throughput beside curl, health meanwhile.

    python -m tests.bench.library_promises kills [--kills 100] [--mib 192] [--mbps 40]
    python -m tests.bench.library_promises speed [--gib 4.6] [--rounds 3]
    python -m tests.bench.library_promises refusal [--gb 200] [--rounds 5]

`kills`: the engine is killed (SIGKILL) at random moments of downloads and started again; what the server had to send
twice, whether every sha256 is right, and whether half a model was ever seen. `speed`: the engine downloads while its
`/health` is asked twenty times a second; the same file by curl in between, under the same conditions; it is as large
as Phi-4-mini's for ONNX. Medians of each round's ratio. `refusal`: a GGUF file of so many gigabytes (with holes, it
takes no room) lies in a folder of models, and somebody asks to load it.
"""

import argparse
import random
import statistics
import tempfile
import threading
import time
from pathlib import Path

import httpx
import msgspec

from spark_engine.catalog.cards import read_card
from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.download.job import Job, new_job
from spark_engine.types.downloads import DownloadEntry, DownloadFailed, Fetched
from tests.bench.download_kills import FILES, MIB, NAME, kept, make_source, sha256
from tests.bench.download_speed import FILE, curl_s, mirror
from tests.bench.download_speed import NAME as BIG
from tests.support.hub_mirror import HubMirror
from tests.support.model_files import METADATA, gguf, tensor
from tests.support.served import Served, serve

SETTLED_S = 3.0
CARD = """
id = "{id}"
name = "Bench"
family = "llama"
licence = "MIT"
summary = "For a benchmark."
parameters = 1
context = 4096
[[variants]]
id = "gguf-q8_0"
format = "gguf"
quantization = "Q8_0"
repository = "{repository}"
file = "{file}"
{files}
"""


def write_card(root: Path, id: str, repository: str, *files: str) -> None:
    """A card whose only variant is these files."""
    (root / "model_cards").mkdir(parents=True, exist_ok=True)
    listed = f"files = {list(files)!r}".replace("'", '"') if len(files) > 1 else ""
    text = CARD.format(id=id, repository=repository, file=files[0], files=listed)
    (root / "model_cards" / f"{id}.toml").write_text(text)


def begin(served: Served, model: str) -> None:
    """Ask for a download."""
    url = f"{served.address}/spark/v1/downloads"
    httpx.post(url, json={"model": model}, headers=served.owner, timeout=60).raise_for_status()


def kills(arguments: argparse.Namespace) -> None:
    """Kill, start again, count, print."""
    chance, twice, right, half, done = random.Random(arguments.seed), [], 0, 0, 0
    with (
        tempfile.TemporaryDirectory(prefix="spark-kills-") as name,
        HubMirror(bytes_per_second=arguments.mbps * 1e6, send_buffer=1 << 17) as hub,
    ):
        root, sizes = Path(name), (arguments.mib * MIB, arguments.mib * MIB // 4)
        sources = {
            f: make_source(root / f, size, n) for n, (f, size) in enumerate(zip(FILES, sizes, strict=True))
        }
        repository, begun = hub.add(NAME, sources), 0
        while len(twice) < arguments.kills:
            begun += 1
            id = f"split-{begun}"
            write_card(root / "spark", id, NAME, *FILES)
            job = _follow(root / "spark", hub, id, arguments.kills, chance, twice)
            there = [Path(job.target) / f for f in FILES]
            half += sum(not f.is_file() for f in there)
            right += all(sha256(f) == repository.files[f.name].sha256 for f in there)
            done += 1
    print(
        f"{len(twice)} kills of the engine in {done} downloads: sha256 right in {right} of {done}, half seen {half}"
    )
    print(
        f"sent again by a kill: most {max(twice) / MIB:.2f} MiB, mean {statistics.mean(twice) / MIB:.2f} MiB"
    )


def _follow(root: Path, hub: HubMirror, id: str, most: int, chance: random.Random, twice: list[int]) -> Job:
    """One download to its end, with as many kills on its way as it takes."""
    variant, first = f"{id}:gguf-q8_0", True
    while True:
        with serve(root, hub_endpoint=hub.url, models_preload="false", models_other_apps="false") as served:
            job = new_job(served.base, variant, _facts(root, id), endpoint=hub.url, offline=False, parallel=4)
            sent, had = hub.sent.total(), kept(job)
            if first:
                begin(served, id)
            first = False
            if len(twice) < most:
                time.sleep(chance.uniform(0.05, 1.2))
                if not Path(job.target).exists():
                    served.process.kill()
                    served.process.wait()
                    time.sleep(0.2)  # the child and the server notice
                    if not Path(job.target).exists():
                        twice.append(hub.sent.total() - sent - (kept(job) - had))
                        continue
                    return job
            _wait(served, variant)
            return job


def _facts(root: Path, id: str) -> CardVariant:
    return read_card(root / "model_cards" / f"{id}.toml").variants[0]


def _wait(served: Served, variant: str) -> float:
    """Until a download is over; how many seconds its work took."""
    with httpx.Client(base_url=served.address, headers=served.owner) as http:
        while True:
            reply = http.get("/spark/v1/downloads").content
            entry = msgspec.json.decode(reply, type=dict[str, DownloadEntry]).get(variant)
            if entry is None:  # it was over before this engine began
                return 0.0
            if isinstance(entry.status, DownloadFailed):
                raise SystemExit(f"{entry.status.title}: {entry.status.message}")
            if isinstance(entry.status, Fetched):
                return entry.status.seconds
            time.sleep(0.1)


class Pulse:
    """Asks `/health` again and again, and keeps how long each answer took."""

    def __init__(self, address: str) -> None:
        self.took: list[float] = []
        self._address, self._over = address, threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._address) as http:
            while not self._over.wait(0.05):
                began = time.perf_counter()
                http.get("/health")
                self.took.append(time.perf_counter() - began)


def speed(arguments: argparse.Namespace) -> None:
    """Download and curl in turn on an engine that is asked for its health, print medians."""
    size = int(arguments.gib * 2**30)
    curl, spark, waits = list[float](), list[float](), list[float]()
    with tempfile.TemporaryDirectory(prefix="spark-speed-", dir=arguments.folder) as name:
        folder = Path(name)
        with (folder / "source").open("wb") as source:
            source.truncate(size)
        with mirror(folder / "source") as (url, commit):
            for number in range(arguments.rounds):
                root = folder / f"spark-{number}"
                write_card(root, "big", BIG, FILE)
                with serve(
                    root, hub_endpoint=url, models_preload="false", models_other_apps="false"
                ) as served:
                    time.sleep(SETTLED_S)
                    with Pulse(served.address):
                        curl.append(curl_s(url, commit, folder, sync=False))
                    with Pulse(served.address) as pulse:
                        begin(served, "big")
                        spark.append(_wait(served, "big:gguf-q8_0"))
                    waits += pulse.took
                (root / "models" / "big" / "gguf-q8_0" / FILE).unlink()
    ratio = statistics.median(theirs / ours for theirs, ours in zip(curl, spark, strict=True))
    middle, ours = statistics.median(curl), statistics.median(spark)
    waits.sort()
    print(f"curl {size / middle / 1e6:.0f} MB/s, engine {size / ours / 1e6:.0f} MB/s: {ratio:.2f}")
    p50, p99 = (1000 * waits[int(len(waits) * share)] for share in (0.5, 0.99))
    worst = 1000 * waits[-1]
    print(
        f"/health meanwhile: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {worst:.1f} ms, asked {len(waits)} times"
    )


def refusal(arguments: argparse.Namespace) -> None:
    """Ask for a model that is too large; print the answer and how long it took."""
    with tempfile.TemporaryDirectory(prefix="spark-refusal-") as name:
        folder = Path(name) / "models" / "huge"
        folder.mkdir(parents=True)
        head = gguf(METADATA, [tensor("token_embd.weight", (64, int(arguments.gb * 1e9) // 256))], 0)
        with (folder / "huge.gguf").open("wb") as file:
            file.write(head)
            file.truncate(len(head) + int(arguments.gb * 1e9) // 256 * 256)
        settings = {"models_preload": "false", "models_other_apps": "false"}
        with serve(Path(name) / "spark", models_folders=str(folder.parent), **settings) as served:
            print(*(_refused(served, "huge") for _ in range(arguments.rounds)), sep="\n")


def _refused(served: Served, name: str) -> str:
    """Load the model of this name once the library has it: what is said, and after how many milliseconds."""
    wanted: list[str] = []
    while not wanted:
        state = httpx.get(f"{served.address}/spark/v1/state", headers=served.owner).json()
        wanted = [id for id in state["models"] if name in id]
        time.sleep(0.1)
    began = time.perf_counter()
    url = f"{served.address}/spark/v1/models/{wanted[0]}/load"
    reply = httpx.post(url, headers=served.owner, timeout=30)
    took = 1000 * (time.perf_counter() - began)
    return f"{took:.0f} ms, status {reply.status_code}: {reply.json()['error']['message']}"


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    killing = commands.add_parser("kills")
    killing.add_argument("--kills", type=int, default=100)
    killing.add_argument("--mib", type=int, default=192, help="of the larger of the two files")
    killing.add_argument("--mbps", type=float, default=40, help="megabytes a second of each connection")
    killing.add_argument("--seed", type=int, default=1)
    killing.set_defaults(work=kills)
    speeding = commands.add_parser("speed")
    speeding.add_argument("--gib", type=float, default=4.6)
    speeding.add_argument("--rounds", type=int, default=3)
    speeding.add_argument("--folder", default=None)
    speeding.set_defaults(work=speed)
    refusing = commands.add_parser("refusal")
    refusing.add_argument("--gb", type=float, default=200)
    refusing.add_argument("--rounds", type=int, default=5)
    refusing.set_defaults(work=refusal)
    arguments = parser.parse_args()
    arguments.work(arguments)


if __name__ == "__main__":
    main()
