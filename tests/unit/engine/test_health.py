"""Health: each declared problem stands when it should, shows after its time, below its cause, and never twice."""

import pytest
from msgspec.structs import replace

from spark_engine.engine.health import Standing, report
from spark_engine.engine.health_signs import Readings, Signs
from spark_engine.engine.problems import PROBLEMS
from spark_engine.types.apps import AppEntry
from spark_engine.types.components import Broken, ComponentEntry, Verified
from spark_engine.types.downloads import DownloadEntry, DownloadFailed, Paused
from spark_engine.types.ecosystem import EcosystemMember, NotAsked, Reachable, SwitchedOff, Unreachable
from spark_engine.types.hardware import HardwareReading, MemoryReading
from spark_engine.types.health import Problem
from spark_engine.types.models import (
    LoadFailed,
    Loading,
    ModelEntry,
    Ready,
    Restarting,
    Unloaded,
    VariantEntry,
)
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import EngineInfo, EngineState

A, B = "m:onnx-int4", "m:gguf-q8_0"
READY = Ready("CPU", 4096, 8, 1_000_000, 1.0, 7)
FULL = Readings(disk_free_bytes=50_000_000)


def state(first: object = READY, second: object = Unloaded(), **fields: object) -> EngineState:
    variants = (
        VariantEntry(A, "onnx", "int4", 1, first, "/a"),  # type: ignore[arg-type]
        VariantEntry(B, "gguf", "Q8_0", 1, second, "/b"),  # type: ignore[arg-type]
    )
    model = ModelEntry("m", "M", "phi", "MIT", "", 1, 4096, variants)
    info = EngineInfo("1", 1, 0.0, "http://127.0.0.1:1", "/base")
    made = EngineState(info, "ready", A, {"m": model})
    return replace(made, **fields)


def member(id: str, status: object, seen: float | None = None) -> EcosystemMember:
    return EcosystemMember(id, id.upper(), "http://127.0.0.1:1", status, 1.0, seen)  # type: ignore[arg-type]


def shown(signs: Signs) -> dict[str, Problem]:
    """What shows once everything has stood for its time."""
    standing = Standing()
    standing.report(signs, 0.0)
    return {p.id: p for p in standing.report(signs, 1000.0).problems}


def failed(code: str = "crashed") -> LoadFailed:
    return LoadFailed(code, "It did not load", "Why.", "Do this.")


BROKEN = {"gguf": ComponentEntry("gguf", "llama.cpp", ("gguf",), True, 1, Broken("c", "T", "M", "R"))}
BASIC = {"onnx": ComponentEntry("onnx", "ORT", ("onnx",), False, 1, Broken("c", "T", "M", "R"))}
MEMORY = HardwareReading(1.0, memory=MemoryReading(100, 3))
BUSY = {str(n): RequestEntry(str(n), A, "waiting", "app", 1.0) for n in range(3)}
DOWNLOAD = DownloadEntry("m:x", "org/m", DownloadFailed("network", "T", "M", "R"))
CASES = [
    (Signs(replace(state(), phase="starting")), "engine_starting", "info", "api", ""),
    (Signs(state(), Readings(late_s=2.0)), "answers_slowly", "warning", "api", ""),
    (Signs(state(), Readings(unwritable="/base")), "folder_unwritable", "error", "store", ""),
    (Signs(state(), FULL), "disk_full", "error", "store", ""),
    (Signs(state(), Readings(disk_free_bytes=500_000_000)), "disk_low", "warning", "store", ""),
    (Signs(state(hardware=MEMORY)), "memory_low", "warning", "hardware", "free_memory"),
    (Signs(state(hardware=HardwareReading(1.0, trouble="x"))), "hardware_unread", "warning", "hardware", ""),
    (Signs(state(components=BROKEN)), "component_broken:gguf", "warning", "library", "install"),
    (Signs(state(components=BASIC)), "component_broken:onnx", "error", "library", ""),
    (Signs(state(default_model="")), "no_model", "error", "library", "open_page"),
    (Signs(state(Loading(0.5, "reading"))), "model_loading", "info", f"runner:{A}", ""),
    (Signs(state(Restarting(1, 0.5, "It crashed."))), "model_restarting", "warning", f"runner:{A}", ""),
    (Signs(state(failed())), "model_failed", "error", f"runner:{A}", "load"),
    (Signs(state(second=failed())), f"model_failed:{B}", "warning", f"runner:{B}", "load"),
    (Signs(state(second=Restarting(1, 1, "x"))), f"model_restarting:{B}", "warning", f"runner:{B}", ""),
    (Signs(state(requests=BUSY), Readings(queue_limit=3)), "queue_full", "warning", "queue", ""),
    (Signs(state(paused=True)), "serving_paused", "info", "queue", "resume"),
    (Signs(state(apps={"a": AppEntry("a", "A", waiting=2, paused=True)})), "app_waits:a", "info", "queue",
     "resume_app"),
    (Signs(state(downloads={"m:x": DOWNLOAD})), "download_failed:m:x", "warning", "downloads",
     "resume_download"),
    (Signs(state(), ecosystem=(member("zsei", Unreachable("x"), 1.0),)), "ecosystem_lost:zsei", "warning",
     "ecosystem:zsei", ""),
    (Signs(state(), ecosystem=(member("zsei", Reachable(1.0, False, "x")),)), "ecosystem_unwell:zsei",
     "warning", "ecosystem:zsei", ""),
]  # fmt: skip


@pytest.mark.parametrize(("signs", "id", "severity", "part", "intent"), CASES, ids=lambda v: str(v)[:24])
def test_each_problem(signs: Signs, id: str, severity: str, part: str, intent: str) -> None:
    (problem,) = shown(signs).values()
    assert (problem.id, problem.severity, problem.part) == (id, severity, part)
    assert (problem.repair.intent if problem.repair else "") == intent
    assert problem.title and problem.message + problem.remedy
    assert "  " not in problem.message and "{" not in problem.message


def test_every_declared_problem_is_covered_and_the_list_is_sound() -> None:
    met = {case[1].partition(":")[0].replace("engine_starting", "engine") for case in CASES}
    assert {d.id for d in PROBLEMS} - met == {"models_untrusted"}
    known: set[str] = set()
    for declared in PROBLEMS:
        assert not declared.blocks or declared.delay_s == 0, f"{declared.id}: nobody may wait for the reason"
        causes = {
            c.replace("engine_starting", "engine").replace("engine_stopping", "engine")
            for c in declared.causes
        }
        assert causes <= known, f"{declared.id} stands before its cause"
        known.add(declared.id)


def test_all_is_well() -> None:
    signs = Signs(
        state(components={"onnx": ComponentEntry("onnx", "ORT", ("onnx",), False, 1, Verified("1"))}),
        Readings(disk_free_bytes=50_000_000_000, queue_limit=8, watchers=2),
        (member("zsei", SwitchedOff()), member("forge", Unreachable("x")), member("nexus", NotAsked())),
    )
    found = Standing().report(signs, 0.0)
    assert (found.ready, found.problems, len(found.ecosystem)) == (True, (), 3)
    assert [(p.id, p.state) for p in found.parts] == [
        ("api", "ok"), ("queue", "ok"), (f"runner:{A}", "ok"), ("library", "ok"), ("downloads", "ok"),
        ("hardware", "off"), ("store", "ok"), ("events", "ok"),
    ]  # fmt: skip
    assert {p.id: p.facts for p in found.parts}["events"] == "2 watchers"


def test_rows_take_the_worst_of_their_problems_and_say_what_they_do() -> None:
    rows = {p.id: p for p in report(state(Unloaded(), failed())).parts}
    assert rows[f"runner:{B}"].state == "warning"
    busy = state(READY, requests={"r": RequestEntry("r", A, "running", "a", 1.0)}, downloads={
        "p": DownloadEntry("p", "o/p", Paused()), "m:x": DOWNLOAD,
    })  # fmt: skip
    rows = {p.id: p for p in report(busy).parts}
    assert (rows["queue"].state, rows["queue"].facts) == ("busy", "1 running, 0 waiting")
    assert (rows["downloads"].state, rows["downloads"].facts) == ("warning", "1 paused, 1 failed")
    assert {p.id: p.facts for p in report(state(Unloaded())).parts}["runner"].startswith("no model is loaded")


def test_nothing_flickers() -> None:
    standing = Standing()
    low, well = Signs(state(hardware=MEMORY)), Signs(state())
    assert standing.report(low, 100.0).problems == ()
    assert standing.next_at == 115.0
    assert standing.report(low, 114.9).problems == ()
    assert standing.report(well, 114.95).problems == ()
    assert standing.next_at is None
    assert standing.report(low, 115.0).problems == (), "it began anew"
    (told,) = standing.report(low, 130.0).problems
    assert (told.id, told.since) == ("memory_low", 115.0)
    assert standing.report(well, 131.0).problems == (), "what is over goes at once"


def test_readiness_does_not_wait() -> None:
    found = Standing().report(Signs(state(failed())), 0.0)
    assert (found.ready, [p.id for p in found.problems]) == (False, ["model_failed"])


def test_a_caused_problem_stands_below_its_cause() -> None:
    signs = Signs(state(second=failed(), components=BROKEN), FULL)
    found = list(shown(signs).values())
    assert [(p.id, p.under) for p in found] == [
        ("disk_full", ""),
        ("component_broken:gguf", ""),
        (f"model_failed:{B}", "component_broken:gguf"),
    ]


def test_a_full_disk_explains_only_what_failed_for_it() -> None:
    full = replace(DOWNLOAD, id="f", status=DownloadFailed("disk_full", "T", "M"))
    found = shown(Signs(state(downloads={"f": full, "m:x": DOWNLOAD}), FULL))
    assert (found["download_failed:f"].under, found["download_failed:m:x"].under) == ("disk_full", "")


def test_what_is_caused_waits_for_its_cause_unless_requests_fail_of_it() -> None:
    short = failed("not_enough_memory")
    standing = Standing()
    signs = Signs(state(READY, short, hardware=MEMORY))
    assert standing.report(signs, 0.0).problems == ()
    assert [(p.id, p.under) for p in standing.report(signs, 15.0).problems] == [
        ("memory_low", ""), (f"model_failed:{B}", "memory_low"),
    ]  # fmt: skip
    standing, signs = Standing(), Signs(state(short, hardware=MEMORY))
    assert [(p.id, p.under) for p in standing.report(signs, 0.0).problems] == [("model_failed", "")]
    assert [p.id for p in standing.report(signs, 15.0).problems] == ["memory_low", "model_failed"]


def test_the_ecosystems_head_explains_the_others() -> None:
    gone = Unreachable("nothing listens there")
    signs = Signs(state(), ecosystem=tuple(member(id, gone, 1.0) for id in ("ozone_studio", "cognis")))
    assert shown(signs)["ecosystem_lost:cognis"].under == "ecosystem_lost:ozone_studio"


def test_raised_problems_come_too() -> None:
    raised = Problem("port_1_busy", "warning", "T", "M", part="api")
    found = report(state(problems={"port_1_busy": raised}))
    assert [p.id for p in found.problems] == ["port_1_busy"]
    assert next(p for p in found.parts if p.id == "api").state == "warning"
