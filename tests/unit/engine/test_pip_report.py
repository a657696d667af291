"""What an installation would bring, and how large that is, before anything is fetched."""

import json
from pathlib import Path

import pytest

from spark_engine.engine import component_steps
from spark_engine.engine.component_list import COMPONENTS
from spark_engine.engine.component_steps import ComponentSteps
from spark_engine.engine.leashed_process import Ended
from spark_engine.engine.pip_report import PipReport, cuda_packages, download_bytes, read_report

TORCH = next(c for c in COMPONENTS if c.id == "torch")


def _report(folder: Path, **sizes: int) -> str:
    """A report as pip writes it, over files that are really there."""
    planned = []
    for name, size in sizes.items():
        file = folder / f"{name}.whl"
        file.write_bytes(bytes(size))
        library = name.replace("_", "-")
        planned.append(
            {
                "metadata": {"name": library, "version": "1.0", "requires_dist": []},
                "download_info": {"url": file.as_uri(), "archive_info": {"hashes": {}}},
                "is_direct": False,
            }
        )
    return json.dumps({"version": "1", "pip_version": "26.3", "install": planned, "environment": {}})


def _read(folder: Path, **sizes: int) -> PipReport:
    (folder / "report.json").write_text(_report(folder, **sizes))
    return read_report(folder / "report.json")


async def test_the_files_are_counted_without_being_fetched(tmp_path: Path):
    report = _read(tmp_path, torch=3000, nvidia_cublas=500)
    assert cuda_packages(report) == ["nvidia-cublas"]
    assert await download_bytes(report) == 3500


async def test_a_size_nobody_tells_is_unknown(tmp_path: Path):
    report = _read(tmp_path, torch=3000)
    (tmp_path / "torch.whl").unlink()
    assert await download_bytes(report) is None


def test_no_report_is_an_empty_one(tmp_path: Path):
    assert read_report(tmp_path / "none.json") == PipReport()


class PlannedSteps(ComponentSteps):
    """pip's dry run is played; what follows from it is real."""

    def __init__(self, folder: Path, *, cuda: bool, **sizes: int) -> None:
        super().__init__(TORCH, lambda fraction, step: None, cuda=cuda)
        self._text = _report(folder, **sizes)
        self.real_installs = 0

    async def _pip_install(self, arguments: list[str], start: float, end: float) -> Ended:
        if "--dry-run" in arguments:
            Path(arguments[arguments.index("--report") + 1]).write_text(self._text)
            return Ended(0, "")
        self.real_installs += 1
        return Ended(1, "ERROR: stopped by the test.")


@pytest.fixture(autouse=True)
def _fresh_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(component_steps, "is_pinned", lambda component: False)
    monkeypatch.setattr("sys.platform", "linux")


async def test_cuda_is_refused_with_its_size_before_it_is_installed(tmp_path: Path):
    steps = PlannedSteps(tmp_path, cuda=False, torch=10_000_000, nvidia_cublas=90_000_000)
    outcome = await steps.install()
    assert getattr(outcome, "code", "") == "cuda_build"
    assert "0.1 GB" in getattr(outcome, "message", "")
    assert steps.real_installs == 0


async def test_the_cpu_build_needs_no_leave(tmp_path: Path):
    steps = PlannedSteps(tmp_path, cuda=False, torch=1000)
    await steps.install()
    assert steps.real_installs == 1


async def test_who_asked_for_cuda_gets_it(tmp_path: Path):
    steps = PlannedSteps(tmp_path, cuda=True, torch=1000, nvidia_cublas=1000)
    await steps.install()
    assert steps.real_installs == 1
