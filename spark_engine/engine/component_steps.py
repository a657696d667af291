"""Installs, tests and removes a backend component in child processes; says where it stands as it goes."""

import asyncio
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path

import msgspec
from msgspec import Struct

from spark_engine.engine import gguf_build
from spark_engine.engine.component_failures import (
    SETTLED,
    cuda_refused,
    no_compiler,
    no_space,
    no_test_model,
    pip_failure,
    self_test_failed,
)
from spark_engine.engine.component_list import (
    Component,
    all_pins,
    is_pinned,
    pins,
    plain,
    removable,
)
from spark_engine.engine.leashed_process import Ended, run
from spark_engine.engine.pip_progress import PipProgress
from spark_engine.engine.pip_report import cuda_packages, download_bytes, read_report
from spark_engine.hardware.cpu_features import cpu_features, machine
from spark_engine.types.components import Broken, Verified

SELF_TEST_S = 300.0
_NO_MODEL = 3  # the self-test's exit status when there is no model to test with
_RAW_PROGRESS_SINCE = (24, 1)
Report = Callable[[float, str], None]


class SelfTestReport(Struct, frozen=True):
    """What a passed self-test prints: the library's version, what it was built for, the tokens it generated."""

    version: str
    build: str
    tokens: list[int]


class ComponentSteps:
    """The steps for one component; `report(fraction, step)` is told how far they are.

    Cancelling a coroutine ends its child processes.
    """

    def __init__(
        self, component: Component, report: Report, *, cuda: bool = False, wheels: Path | None = None
    ) -> None:
        self._component, self._report, self._cuda = component, report, cuda
        self._wheels = wheels or gguf_build.wheel_cache()

    async def install(self) -> Verified | Broken:
        """Bring the pinned libraries in and let a model run with them; what came of it."""
        complete = await asyncio.to_thread(is_pinned, self._component)
        if complete:
            outcome = await self.self_test(0.1)
            if isinstance(outcome, Verified) or outcome.code in SETTLED:
                return outcome
        if shutil.disk_usage(sysconfig.get_path("purelib")).free < self._component.disk_bytes:
            return no_space(self._component)
        if self._component.id == "gguf":
            return await self._install_gguf()
        refusal = await self._cuda_refusal()
        return refusal or await self._install_pins(anew=complete)

    async def remove(self) -> Broken | None:
        """Uninstall its libraries and what only they brought along; None when that worked."""
        names = await asyncio.to_thread(removable, self._component)
        ended = await run([*_PIP, "uninstall", "--yes", *names], _ignore)
        return None if ended.succeeded else pip_failure(self._component, ended.tail)

    async def self_test(self, start: float) -> Verified | Broken:
        """Let spark-nano generate a few tokens in a child process."""
        self._report(start, "testing with spark-nano")
        command = [sys.executable, "-m", "spark_engine.backends.selftest", self._component.id]
        lines: list[str] = []
        ended = await run(command, lines.append, timeout_s=SELF_TEST_S)
        if ended.status == _NO_MODEL:
            return no_test_model(self._component, ended.tail)
        if not ended.succeeded:
            return self_test_failed(self._component, str(ended), "\n".join(lines))
        return self._verdict(lines)

    def _verdict(self, lines: list[str]) -> Verified | Broken:
        try:
            passed = msgspec.json.decode(lines[-1], type=SelfTestReport)
        except (IndexError, msgspec.MsgspecError):
            return self_test_failed(self._component, "it reported nothing", "\n".join(lines))
        return Verified(passed.version, passed.build)

    async def _cuda_refusal(self) -> Broken | None:
        """On Linux the package index's own PyTorch is the CUDA build: look before it is fetched."""
        if not _brings_torch(self._component) or self._cuda or sys.platform != "linux":
            return None
        with tempfile.TemporaryDirectory(prefix="spark-pip-") as folder:
            file = Path(folder) / "report.json"
            ended = await self._pip_install(["--dry-run", "--report", str(file), *self._pins()], 0.0, 0.05)
            if not ended.succeeded:
                return pip_failure(self._component, ended.tail)
            report = await asyncio.to_thread(read_report, file)
        nvidia = cuda_packages(report)
        return cuda_refused(self._component, len(nvidia), await download_bytes(report)) if nvidia else None

    async def _install_pins(self, *, anew: bool) -> Verified | Broken:
        """Install by pip alone; `anew` replaces files that are there but do not work."""
        force = ["--force-reinstall", "--no-deps"] if anew else []
        ended = await self._pip_install([*force, *self._pins()], 0.05, 0.92)
        return await self.self_test(0.95) if ended.succeeded else pip_failure(self._component, ended.tail)

    async def _install_gguf(self) -> Verified | Broken:
        """Build for this processor; after a failure of build or self-test the next safer way."""
        outcome: Verified | Broken = no_compiler(self._component)
        flavours = gguf_build.flavours(machine(), cpu_features())
        for number, flavour in enumerate(flavours, 1):
            outcome = await self._try_flavour(flavour)
            if isinstance(outcome, Verified):
                return outcome
            if outcome.code in SETTLED or number == len(flavours):
                break
            self._report(0.0, f"the {flavour.name} build failed; trying {flavours[number].name}")
        return outcome

    async def _try_flavour(self, flavour: gguf_build.Flavour) -> Verified | Broken:
        (pin,) = self._pins()
        folder = gguf_build.wheel_folder(self._wheels, pin, flavour)
        wheel = gguf_build.kept_wheel(folder) or await self._build_wheel(pin, flavour, folder)
        if isinstance(wheel, Broken):
            return wheel
        ended = await self._pip_install([str(wheel), "--force-reinstall", "--no-deps"], 0.85, 0.88)
        if ended.succeeded:
            ended = await self._pip_install([str(wheel)], 0.88, 0.92)
        outcome = await self.self_test(0.95) if ended.succeeded else pip_failure(self._component, ended.tail)
        if isinstance(outcome, Broken) and outcome.code not in SETTLED:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return outcome

    async def _build_wheel(self, pin: str, flavour: gguf_build.Flavour, folder: Path) -> Path | Broken:
        if not await asyncio.to_thread(gguf_build.has_compiler):
            return no_compiler(self._component)
        library = pin.partition("==")[0]
        command = ["wheel", "--verbose", "--no-cache-dir", "--no-deps", "--no-binary", library, pin]
        with tempfile.TemporaryDirectory(prefix="spark-wheel-") as made:
            ended = await self._pip(
                [*command, "--wheel-dir", made],
                PipProgress(self._component.download_bytes, builds=True),
                (0.0, 0.85),
                {"CMAKE_ARGS": " ".join(flavour.options)},
            )
            wheel = gguf_build.kept_wheel(Path(made))
            if not ended.succeeded or wheel is None:
                return pip_failure(self._component, ended.tail)
            return await asyncio.to_thread(_keep, wheel, folder)

    async def _pip_install(self, arguments: list[str], start: float, end: float) -> Ended:
        progress = PipProgress(self._component.download_bytes, builds=False)
        async with _constraints() as file:
            return await self._pip(["install", "--constraint", file, *arguments], progress, (start, end))

    async def _pip(
        self,
        arguments: list[str],
        progress: PipProgress,
        window: tuple[float, float],
        env: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run pip; its progress fills `window` of the whole."""
        start, end = window

        def on_line(line: str) -> None:
            if progress.feed(line):
                self._report(start + (end - start) * progress.fraction, progress.step)

        self._report(start, progress.step)
        return await run([*_PIP, *arguments, *_raw_progress()], on_line, env={**_PIP_ENV, **(env or {})})

    def _pins(self) -> list[str]:
        return [plain(r) for r in pins(self._component.id)]


_PIP = (sys.executable, "-m", "pip")
_PIP_ENV = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONUNBUFFERED": "1", "LC_ALL": "C"}


def _brings_torch(component: Component) -> bool:
    """Whether installing it may fetch PyTorch."""
    return any(r.name == "torch" for r in pins(component.id))


def _raw_progress() -> list[str]:
    """The option that makes pip print how far a download is, where this pip has it."""
    version = tuple(int(n) for n in metadata.version("pip").split(".")[:2] if n.isdigit())
    return ["--progress-bar", "raw"] if version >= _RAW_PROGRESS_SINCE else []


@asynccontextmanager
async def _constraints() -> AsyncIterator[str]:
    """A file with every pin of the project, so that no component moves another's libraries."""
    text = "".join(f"{plain(r)}\n" for r in all_pins())
    handle, name = tempfile.mkstemp(prefix="spark-pins-", suffix=".txt")
    os.write(handle, text.encode())
    os.close(handle)
    try:
        yield name
    finally:
        os.unlink(name)


def _keep(wheel: Path, folder: Path) -> Path:
    """Move a built wheel into its folder, whole or not at all."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = folder / f".{wheel.name}.part"
    shutil.copyfile(wheel, partial)
    return partial.replace(folder / wheel.name)


def _ignore(line: str) -> None:
    """A listener that does not listen."""
