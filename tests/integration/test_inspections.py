"""Models inspected in a child of the engine: its limits, what is remembered, and what a child's end means."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from spark_engine.catalog.inspect import inspect
from spark_engine.engine import inspection_record, inspections
from spark_engine.engine.inspections import Inspections
from spark_engine.paths import BaseDir, resources
from spark_engine.types.inspection import Inspection, Rejected, Verdict
from tests.support import model_files as files

posix = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
NANO = resources() / "spark_nano"


def write_model(folder: Path) -> Path:
    files.write_beside(folder)
    (folder / "model.safetensors").write_bytes(files.safetensors())
    return folder


def told_by(*arguments: str) -> list[Verdict]:
    """What the program prints."""
    command = [sys.executable, "-m", "spark_engine.catalog.inspect", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert not done.stderr
    return [msgspec.json.decode(line, type=Verdict) for line in done.stdout.splitlines()]


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The paths that each child was started for."""
    seen: list[list[str]] = []
    command = inspections._command

    def noted(paths: list[str], roots: tuple[str, ...]) -> list[str]:
        seen.append(paths)
        return command(paths, roots)

    monkeypatch.setattr(inspections, "_command", noted)
    return seen


def test_the_program_prints_a_verdict_a_line(tmp_path: Path):
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(files.gguf())
    (tmp_path / "c.gguf").write_bytes(files.gguf(version=9))
    told = told_by(str(tmp_path), str(tmp_path / "nothing"))
    assert [getattr(verdict, "code", "") for verdict in told] == ["", "", "unknown_version", "missing_file"]


@posix
@pytest.mark.parametrize(
    ("harm", "code"), [("while True: pass", "too_slow"), ("bytearray(2 * 1024**3)", "too_large")]
)
def test_the_program_bounds_its_time_and_memory(tmp_path: Path, harm: str, code: str):
    program = (
        "from spark_engine.catalog import inspect as program\n"
        "from spark_engine.catalog.formats import limits\n"
        "limits.limited_time.__wrapped__.__defaults__ = (0,)\n"
        f"def candidates(path, roots):\n    {harm}\n"
        "program.candidates = candidates\n"
        f"program.main([{str(tmp_path)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout)["code"] == code


async def test_many_models_are_read_by_one_child_and_remembered(
    base: BaseDir, tmp_path: Path, starts: list[list[str]]
):
    good, bad = write_model(tmp_path / "good"), write_model(tmp_path / "bad")
    (bad / "model.safetensors").write_bytes(b"\x10")
    paths = [str(good), str(bad), str(bad / "config.json"), str(good)]
    inspected = Inspections(base)
    assert inspected.known(paths[0]) is None
    told = await inspected.inspect_all(paths)
    assert [type(verdicts[0]) for verdicts in told] == [Inspection, Rejected, Rejected, Inspection]
    assert starts == [paths[:3]]
    again = Inspections(base)  # as after a restart
    assert await again.inspect_all(paths) == told
    assert again.known(str(good)) == told[0][0]
    assert len(starts) == 1
    assert (base.state / "inspections.json").stat().st_mode & 0o077 == 0 or os.name != "posix"


async def test_what_changed_is_read_again(base: BaseDir, tmp_path: Path, starts: list[list[str]]):
    folder = write_model(tmp_path / "m")
    inspected = Inspections(base)
    assert isinstance(await inspected.inspect(str(folder)), Inspection)
    (folder / "config.json").write_text("[]")
    assert inspected.known(str(folder)) is None
    refused = await inspected.inspect(str(folder))
    assert isinstance(refused, Rejected) and refused.code == "bad_json"
    assert inspected.known(str(folder), [str(tmp_path)]) is None  # other links are allowed there
    (folder / "config.json").unlink()
    assert inspected.known(str(folder)) is None
    assert len(starts) == 2


async def test_a_split_model_is_read_again_when_a_later_part_changes(base: BaseDir, tmp_path: Path):
    said = {"split.no": (files.U32, 0), "split.count": (files.U32, 2)}
    first, second = (tmp_path / f"m-0000{number}-of-00002.gguf" for number in (1, 2))
    first.write_bytes(files.gguf(files.METADATA | said))
    second.write_bytes(files.gguf(said | {"split.no": (files.U32, 1)}, [files.tensor("z", (64, 2))], 512))
    inspected = Inspections(base)
    assert isinstance(await inspected.inspect(str(first)), Inspection)
    assert inspected.known(str(first)) is not None
    second.write_bytes(b"GGUF")
    assert inspected.known(str(first)) is None
    assert isinstance(await inspected.inspect(str(first)), Rejected)


@posix
async def test_the_bundled_model_is_trusted_though_installers_link_its_files(
    base: BaseDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "resources" / "nano"
    shutil.copytree(NANO / "onnx-int4", folder)
    os.link(folder / "model.onnx.data", tmp_path / "in-the-installer's-cache")
    refused = inspect(folder)
    assert isinstance(refused, Rejected) and refused.code == "hard_link"
    monkeypatch.setattr(inspections, "resources", lambda: tmp_path / "resources")
    verdict = await Inspections(base).inspect(str(folder))
    assert isinstance(verdict, Inspection) and verdict.parameters == 5771008


CRASH = "import os, sys; from spark_engine.catalog import inspect as i\n"
DIES = CRASH + (
    "was = i.inspect_all\n"
    "i.inspect_all = lambda path, roots: os.abort() if 'crash' in path else was(path, roots)\n"
    "i.main(sys.argv[1:])"
)
SILENT = DIES.replace("os.abort()", "__import__('time').sleep(60)")


@posix
@pytest.mark.parametrize(
    ("code", "patience_s", "reason"), [(DIES, 30.0, "SIGABRT"), (SILENT, 2.0, "it said nothing for 2 s")]
)
async def test_a_child_that_breaks_off_costs_one_model(
    base: BaseDir,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    expect_log: Callable[[str], None],
    code: str,
    patience_s: float,
    reason: str,
):
    expect_log("the inspection of .*crash failed")
    command = inspections._command
    monkeypatch.setattr(
        inspections,
        "_command",
        lambda paths, roots: [sys.executable, "-c", code, *command(paths, roots)[3:]],
    )
    paths = [str(write_model(tmp_path / name)) for name in ("a", "crash", "z")]
    inspected = Inspections(base, patience_s=patience_s)
    first, second, third = (verdicts[0] for verdicts in await inspected.inspect_all(paths))
    assert isinstance(first, Inspection) and isinstance(third, Inspection)
    assert isinstance(second, Rejected) and second.code == "inspection_failed" and reason in second.reason
    assert inspected.known(paths[0]) is not None
    assert inspected.known(paths[1]) is None
    assert not children()


async def test_memory_is_back_after_a_hostile_file(base: BaseDir, tmp_path: Path):
    folder = write_model(tmp_path / "m")
    raw = b"{" + b",".join(b'"%d":0' % number for number in range(1_300_000)) + b"}"
    (folder / "model.safetensors").write_bytes(files.safetensors(raw=raw))
    del raw
    inspected = Inspections(base)
    await inspected.inspect(str(write_model(tmp_path / "small")))
    before = psutil.Process().memory_info().rss
    refused = await inspected.inspect(str(folder))
    assert isinstance(refused, Rejected) and refused.code == "too_many_tensors"
    assert psutil.Process().memory_info().rss - before < 16 * 2**20
    assert not children()


async def test_paths_that_no_program_can_be_given(base: BaseDir):
    told = await Inspections(base).inspect_all(["a\0b", "a\udcff"])
    assert [verdicts[0].code for verdicts in told if isinstance(verdicts[0], Rejected)] == ["unsafe_path"] * 2


async def test_verdicts_by_other_rules_are_dropped(
    base: BaseDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = str(write_model(tmp_path / "m"))
    await Inspections(base).inspect(path)
    assert Inspections(base).known(path) is not None
    monkeypatch.setattr(inspection_record, "RULES", inspection_record.RULES + 1)
    assert Inspections(base).known(path) is None


@pytest.mark.parametrize("content", ["", "{", "[]"])
async def test_a_record_that_cannot_be_read_is_begun_anew(
    base: BaseDir, tmp_path: Path, expect_log: Callable[[str], None], content: str
):
    expect_log("inspections.json is ignored")
    (base.state / "inspections.json").write_text(content)
    inspected, path = Inspections(base), str(write_model(tmp_path / "m"))
    assert inspected.known(path) is None
    assert isinstance(await inspected.inspect(path), Inspection)
    assert Inspections(base).known(path) is not None


async def test_a_path_that_looks_like_an_option(
    base: BaseDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "--root")
    assert isinstance(await Inspections(base).inspect("--root"), Inspection)


def test_many_paths_are_cut_into_command_lines():
    paths = ["x" * 1000] * 40 + ["y"] * 100
    batches = list(inspections._batches(paths))
    assert [path for batch in batches for path in batch] == paths
    assert all(sum(map(len, batch)) <= inspections.MOST_CHARS for batch in batches)
    assert max(map(len, batches)) == inspections.MOST_PATHS
