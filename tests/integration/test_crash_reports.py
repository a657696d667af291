"""Crashes of real processes: a runner and an engine that are killed, what is kept of them, and where people see it."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from spark_engine.life.crashes import kept_crashes
from spark_engine.paths import BaseDir
from spark_engine.types.crashes import CrashReport
from spark_engine.types.models import Ready
from tests.integration.test_cli_commands import as_json, refused, said, spark
from tests.support.served import Served, serve, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")
SLOW, SECRET = "echo:slow", "xylophone"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path / "my base", models_preload="false", models_default="echo:plain") as served:
        yield served


def reports(base: BaseDir) -> list[CrashReport]:
    return [kept.report for kept in kept_crashes(base)]


def killed_amid_an_answer(served: Served, number: int) -> None:
    """The runner of the slow model dies while it repeats a secret; then it is there again."""
    served.control(f"models/{SLOW}/load")
    ready = served.wait_status(SLOW, Ready)
    assert isinstance(ready, Ready)
    asking = threading.Thread(target=served.ask, args=(f"{SECRET} " * 100, SLOW), daemon=True)
    asking.start()
    wait_until(lambda: any(r.phase == "running" for r in served.state().requests.values()), 20, "it answers")
    os.kill(ready.pid, number)
    asking.join(20)
    wait_until(lambda: isinstance(s := served.status(SLOW), Ready) and s.pid != ready.pid, 30, "it is back")


def test_a_runner_that_crashes_leaves_a_report_without_a_word_of_what_was_asked(served: Served) -> None:
    killed_amid_an_answer(served, signal.SIGSEGV)
    wait_until(lambda: bool(reports(served.base)), 10, "a report", served.log)
    (report,) = reports(served.base)
    assert (report.process, report.about, report.how) == ("runner", SLOW, "SIGSEGV")
    assert report.kind == "Segmentation fault"
    assert report.places, "where the main thread was"
    assert (
        report.plan.items() >= {"choice": "cpu", "device": "cpu", "format": "echo", "context": 4096}.items()
    )
    assert report.settings["models.default"] == "echo:plain"
    assert report.ran_s is not None and report.ran_s > 0
    everything = b"".join(f.read_bytes() for f in served.base.crashes.rglob("*") if f.is_file())
    assert SECRET.encode() not in everything
    assert served.endpoint.token.encode() not in everything
    (kept,) = kept_crashes(served.base)
    problem = served.state().problems[f"crashed:{kept.id}"]
    assert problem.repair is not None
    assert (problem.repair.intent, problem.repair.argument) == ("open_folder", kept.folder)
    assert problem.severity == "info"
    assert f"crashed:{kept.id}" in {p.id for p in served.state().health.problems} | {problem.id}

    killed_amid_an_answer(served, signal.SIGKILL)
    wait_until(lambda: len(reports(served.base)) == 2, 10, "a second report", served.log)
    assert reports(served.base)[0].how == "SIGKILL"
    served.control(f"models/{SLOW}/unload")
    wait_until(lambda: not isinstance(served.status(SLOW), Ready), 10, "it is unloaded")
    assert len(reports(served.base)) == 2, "an unload is no crash"


def test_an_engine_that_crashes_is_told_of_by_the_next_one(tmp_path: Path) -> None:
    root = tmp_path / "base"
    with serve(root, models_preload="false") as first:
        started = first.process.pid
        os.kill(started, signal.SIGSEGV)
        first.process.wait(20)
        assert reports(first.base) == []
    with serve(root, models_preload="false") as second:
        (report,) = reports(second.base)
        assert (report.process, report.how, report.kind) == ("engine", "SIGSEGV", "Segmentation fault")
        assert report.pid == started
        wait_until(lambda: bool(second.state().problems), 10, "the problem")
        (problem,) = second.state().problems.values()
        assert (problem.title, problem.severity) == ("Spark's engine crashed (SIGSEGV)", "warning")
        (kept,) = kept_crashes(second.base)
        assert "serving http" in (Path(kept.folder) / "log.txt").read_text()
        assert "most recent call first" in (Path(kept.folder) / "trace.txt").read_text()

        listed = spark(root, "crashes").stdout
        assert kept.id in listed
        assert "Spark's engine crashed (SIGSEGV)." in listed
        assert as_json(spark(root, "crashes", "--json"))[0]["report"]["how"] == "SIGSEGV"
        shown = said(spark(root, "crashes", kept.id))
        assert "Segmentation fault" in shown
        assert "onnxruntime" in shown
        assert as_json(spark(root, "crashes", kept.id, "--json"))["id"] == kept.id
        assert refused(spark(root, "crashes", "none", "--json")) == "crash_not_found"
        found = json.loads(spark(root, "doctor", "--json").stdout)["findings"]
        assert [f["verdict"] for f in found if f["subject"] == "Crashes"] == ["warn"]
        assert any(f["subject"] == "Health" and "crashed" in f["message"] for f in found)
    with serve(root, models_preload="false") as third:
        assert len(reports(third.base)) == 1, "the second one ended in order"
        assert as_json(spark(root, "crashes", "--forget", "--json")) == {"forgotten": 1}
    assert said(spark(root, "crashes")).strip() == "Nothing has crashed."


def test_an_engine_that_its_terminal_leaves_ends_in_order(served: Served) -> None:
    assert httpx.get(f"{served.address}/v1/models").status_code == 200
    served.process.send_signal(signal.SIGHUP)
    assert served.process.wait(15) == 0
    assert not served.base.endpoint_file.exists()
    assert not (served.base.run / "engine-runs.json").exists()
