"""A machine in use, as pictures and tests of the whole window need it: something of everything, at a moment `now`."""

import math
from collections.abc import Iterator

from msgspec.structs import replace

from spark_engine.config.schema import SECTIONS, SETTINGS
from spark_engine.engine.health_parts import parts
from spark_engine.engine.health_signs import Readings, Signs
from spark_engine.types.apps import AppEntry
from spark_engine.types.apps import Usage as Asked
from spark_engine.types.downloads import Fetching
from spark_engine.types.ecosystem import MEMBERS, EcosystemMember, Reachable, Unreachable
from spark_engine.types.generation import SamplingOptions, Timings, Usage
from spark_engine.types.hardware import HardwareHistory, HardwareReading, OwnShare, Span, Work, values
from spark_engine.types.health import HealthReport, Problem, Repair
from spark_engine.types.logs import LogLevel, LogLine, LogPage, LogPart
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.models import ModelEntry
from spark_engine.types.requests import RequestEntry
from spark_engine.types.settings import SettingEntry
from spark_engine.types.state import EngineInfo, EngineState
from tests.gui.hardware import GPU, NPU, reading
from tests.gui.library import EVIL, FITS, download, library
from tests.gui.states import NANO, PHI_GPU, sample_state

HOUR = 3600.0
PHI_SUMMARY = "A strong small model for conversation, reasoning, tools and code."
OWN_NANO = replace(FITS, weights_bytes=5_300_000, cache_bytes=30_000_000, working_bytes=60_000_000,
                   tokens_per_second=1530.0, measured=True)  # fmt: skip


def busy_state(now: float) -> EngineState:
    """Two requests run and one waits, a download is under way, a model was refused; every part has something."""
    metrics = MetricsSample(now, 31.4, 2, 1, 98_000_000, 1_202_000_000, 25_000_000_000, 15_800_000_000)
    state = replace(
        sample_state(),
        engine=EngineInfo("0.1.0", 4242, now - 5 * HOUR, "http://127.0.0.1:8910", "/home/ada/spark"),
        models=models(),
        metrics=metrics,
        hardware=moment(now),
        requests={entry.id: entry for entry in requests(now)},
        queue=("q1",),
        downloads={PHI_GPU: download(Fetching(11_800_000.0, 171.0), 1.4e9, PHI_GPU, 3.41e9)},
        apps={app.id: app for app in apps(now)},
    )
    return replace(state, health=health(state, now))


def models() -> dict[str, ModelEntry]:
    """The library of the tests, with the figures that spark-nano has once it was measured."""
    found = library()
    nano = found["spark-nano"]
    variants = tuple(replace(v, fit=OWN_NANO) for v in nano.variants)
    return found | {
        "spark-nano": replace(nano, variants=variants, summary="Spark's own guide; ships with Spark."),
        "phi-4-mini": replace(found["phi-4-mini"], summary=PHI_SUMMARY),
    }


def requests(now: float) -> Iterator[RequestEntry]:
    """Those that are over (one failed, one was stopped), two that are answered and one that waits."""
    for number in range(24):
        length = 0.9 + 1.6 * abs(math.sin(number))
        yield _over(number, now - 95 * (24 - number), length)
    under_way = Timings(load_ms=2.0, queue_ms=3.0, prefill_ms=180.0, first_token_ms=190.0)
    yield RequestEntry("a1", NANO, "running", "Notes", now - 6, usage=Usage(412, 143, 380), timings=under_way)
    yield RequestEntry("a2", NANO, "running", "code", now - 2, usage=Usage(1210, 37, 0), timings=under_way)
    yield RequestEntry("q1", NANO, "waiting", "curl", now - 1, timings=Timings(load_ms=2.0))


def _over(number: int, ended: float, length: float) -> RequestEntry:
    waited, prefill = 40.0 * (number % 4), 90.0 + 60 * (number % 3)
    written = 18 + 31 * (number % 5)
    timings = Timings(
        load_ms=1400.0 if number == 3 else 2.0, queue_ms=waited, prefill_ms=prefill,
        first_token_ms=waited + prefill, decode_ms=length * 1000 - waited - prefill - 12,
        tokens_per_second=written / length,
    )  # fmt: skip
    entry = RequestEntry(
        f"r{number}", NANO, "finished", ("Notes", "code", "curl")[number % 3], ended - length, ended,
        Usage(240 + 17 * number, written, 120 * (number % 3)), timings, device="CPU",
        sampling=SamplingOptions(temperature=0.7, seed=11), max_tokens=256,
    )  # fmt: skip
    match number:
        case 17:
            return replace(entry, phase="failed", error_code="deadline_exceeded", error="The time was up")
        case 20:
            return replace(entry, phase="cancelled")
        case _:
            return entry


def apps(now: float) -> Iterator[AppEntry]:
    """One that asks now, one that goes first, a script that is paused, one that is blocked."""
    yield AppEntry("code-1", "code", "/usr/share/code/code", agent="openai-node/6.2", pids=(4711,),
                   since=now - 2 * HOUR, last_seen=now - 2, active=1, usage=Asked(412, 2, 640.0, 2900.0),
                   prompt_tokens=184_000, completion_tokens=31_250, compute_ms=412_000.0, share=0.61,
                   rank="first")  # fmt: skip
    yield AppEntry("notes-2", "Notes", "/home/ada/apps/Notes-2.4.AppImage", agent="notes/2.4", pids=(812,),
                   since=now - 5 * HOUR, last_seen=now - 6, active=1, usage=Asked(96, 0, 410.0, 1700.0),
                   prompt_tokens=40_800, completion_tokens=9_120, compute_ms=205_000.0, share=0.3)  # fmt: skip
    yield AppEntry("nightly-3", "nightly.py (Python)", "/usr/bin/python3.11", "/home/ada/work/nightly.py",
                   "python-httpx/0.28", (977,), now - HOUR, now - 480, 0, 0, 0, Asked(58, 1, 880.0, 4100.0), 22_000,
                   1_900, 61_000.0, 0.09, paused=True, rank="last")  # fmt: skip
    yield AppEntry("unknown", "unknown", since=now - 900, last_seen=now - 800, refused=14, blocked=True)


def health(state: EngineState, now: float) -> HealthReport:
    """One thing to look at with a button, one to know of, every part of Spark and of the ecosystem."""
    rejected = Problem(
        "model_rejected:evil", "warning", "A model's files are not trusted",
        "The header of model.gguf says it has 99 billion tensors; that cannot be.",
        "Delete the file, or fetch it again from where it came.", part="library", since=now - 1900,
        repair=Repair("Show models", "open_page", "models"),
    )  # fmt: skip
    component = Problem("component:gguf", "info", "GGUF models cannot run yet", f"{EVIL} and 3 others need llama.cpp.",
                        "Install llama.cpp.", part="library", since=now - 5 * HOUR,
                        repair=Repair("Install llama.cpp", "install", "gguf"))  # fmt: skip
    problems, members = (rejected, component), tuple(_members(now))
    signs = Signs(state, Readings(73_000_000_000, watchers=2, queue_limit=256), members)
    return HealthReport(True, problems, parts(signs, problems), members)


def _members(now: float) -> Iterator[EcosystemMember]:
    for place, (id, (name, port)) in enumerate(MEMBERS.items()):
        address = f"http://127.0.0.1:{port}"
        if place in (0, 1, 5):
            asked = Asked(120 - 20 * place, place, 310.0, 1400.0)
            yield EcosystemMember(id, name, address, Reachable(1.8 + place), now - 4, now - 4, asked)
        else:
            yield EcosystemMember(id, name, address, Unreachable("nothing listens there"), now - 4)


def moment(at: float) -> HardwareReading:
    """The workstation at a moment; its load goes up and down."""
    swing = (math.sin(at / 7.0) + math.sin(at / 2.3)) / 2
    own = min(0.9, 0.22 + 0.12 * swing)
    base = reading(at, GPU, NPU)
    cores = tuple(
        replace(core, load=min(1.0, max(0.02, own + 0.5 * abs(math.sin(at / 3 + n)))))
        for n, core in enumerate(base.cpu.cores)
    )
    load = sum(core.load for core in cores) / len(cores)
    gpu = replace(GPU, load=min(1.0, 0.63 + 0.2 * swing), temperature_c=62 + 3 * swing)
    return replace(
        base,
        cpu=replace(base.cpu, load=load, cores=cores),
        accelerators=(gpu, replace(NPU, load=0.12 + 0.05 * swing)),
        own=OwnShare(own, base.own.memory_bytes, base.own.processes),
        work=Work(28.0 + 9 * swing, 2, int(swing > 0.4), 190.0 + 60 * swing, 11_800_000.0),
    )


def remembered(span: Span, now: float) -> HardwareHistory:
    """What the engine remembers of a span: all of it but a short gap."""
    step, length = {"minute": (1.0, 60.0), "hour": (10.0, HOUR), "day": (120.0, 24 * HOUR)}[span]
    times = [now - length + step * (n + 1) for n in range(int(length / step))]
    kept = [at for at in times if span == "minute" or not 0.35 < (now - at) / length < 0.38]
    rows = [values(moment(at)) for at in kept]
    columns = {name: tuple(row[name] for row in rows) for name in rows[0]}
    return HardwareHistory(span, step, tuple(kept), columns)


def log_page(now: float) -> LogPage:
    """What engine, a runner and the app wrote: words of every level, one of several lines, one that is very long."""
    said: tuple[tuple[LogPart, LogLevel, str, str], ...] = (
        ("app", "info", "app.main", "Spark's window is open"),
        ("engine", "info", "spark_engine.api.serve", "listening on http://127.0.0.1:8910"),
        ("engine", "info", "spark_engine.engine.scanning", "6 models with 9 variants found in 0.18 s"),
        ("runner", "info", NANO, "loaded in 412 ms: 4,096 tokens of context, 8 at a time"),
        ("engine", "debug", "spark_engine.engine.placement", "spark-nano needs 95 MB, 15.8 GB are free"),
        ("engine", "warning", "spark_engine.engine.inspections",
         "/home/ada/.cache/huggingface/hub/models--evil--model/snapshots/abc/model.gguf is not trusted: "
         "its header says it has 99 billion tensors; that cannot be"),
        ("engine", "error", "spark_engine.engine.residency", "phi-4-mini:onnx-int4-cpu was not loaded\n"
         "SparkError: no_memory: It needs 2.1 GB more than is free."),
        ("engine", "info", "spark_engine.engine.downloads", "phi-4-mini:onnx-int4-gpu: 1.4 GB of 3.4 GB"),
        ("runner", "warning", NANO, "a request was ended: its deadline of 30 s is over"),
    )  # fmt: skip
    lines = tuple(
        LogLine(number, now - 3.87 * (60 - number), *said[number % len(said)]) for number in range(1, 61)
    )
    return LogPage(lines, 60)


def settings() -> dict[str, SettingEntry]:
    """Every setting with its default, one from the file, one that waits for a restart, one that is locked."""
    found = {
        s.key: SettingEntry(s.default, "default", s, SECTIONS[s.section])
        for s in SETTINGS
        if s.section in SECTIONS
    }
    level, port = found["log.level"], found["server.port"]
    variable = "the environment variable SPARK_LOG_LEVEL"
    return found | {
        "log.level": replace(level, value="debug", origin="environment", where=variable),
        "server.port": replace(port, origin="file", saved=9010),
    }
