"""A contestant that cannot run says why in a few words, before or while it runs."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from spark_engine.bench.children import Children
from spark_engine.bench.field import Entry
from spark_engine.bench.files import Target
from spark_engine.bench.racer import CannotRun, Racer, check_memory
from spark_engine.bench.workload import workload
from spark_engine.paths import resources
from spark_engine.protocol.messages import LoadPlan

NANO = resources() / "spark_nano" / "onnx-int4"
BARE = Entry("bare", "Bare", "spark_bare", ("onnx",), together=True)


def racer(entry: Entry, children: Children, root: Path, path: Path = NANO) -> Racer:
    target = Target("m:v", "M", "onnx", str(path), ["word"])
    return Racer(entry, target, LoadPlan("m:v", "onnx", str(path), threads=1), ("python", ""), children, root)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setattr("spark_engine.bench.racer.interpreter", lambda *_: sys.executable)
    with Children() as started:
        yield started


def test_a_run_has_figures_and_memory(children: Children, tmp_path: Path) -> None:
    run, memory = racer(BARE, children, tmp_path).run(workload(3, 16, 1.0, seed=1))
    assert run.tokens_per_second > 0
    assert memory > 20e6


def test_what_is_not_installed_is_not_started(children: Children, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"not installed \(unheard-of-library\)"):
        racer(Entry("x", "X", "spark_bare", ("onnx",), "unheard_of_library"), children, tmp_path)


def test_a_model_that_does_not_open_is_told_in_the_librarys_words(children: Children, tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="failed: Unavailable"):
        racer(BARE, children, tmp_path, tmp_path)


def test_a_process_that_dies_is_lost_for_good(children: Children, tmp_path: Path) -> None:
    started = racer(BARE, children, tmp_path)
    psutil.Process(started.child._process.pid).kill()
    with pytest.raises(CannotRun, match="ended") as caught:
        started.run(workload(1, 8, 0.0, seed=1))
    assert caught.value.for_good


def test_a_model_larger_than_the_free_memory_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.bin").write_bytes(bytes(1000))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2000))
    with pytest.raises(CannotRun, match="too little memory"):
        check_memory(tmp_path)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=3000))
    check_memory(tmp_path)
    check_memory(tmp_path / "model.bin")
