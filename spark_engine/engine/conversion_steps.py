"""The steps of one conversion, each in a child process: make the files, compare them, move them into the library."""

import asyncio
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from spark_engine.catalog.convert.job import (
    Compared,
    ComparisonJob,
    ConversionJob,
    Done,
    Failed,
    Message,
    Progress,
)
from spark_engine.catalog.convert.origin import ConvertedFrom, write_origin
from spark_engine.catalog.convert.targets import Target
from spark_engine.engine import conversion_failures as failures
from spark_engine.engine.leashed_process import Ended, run
from spark_engine.paths import BaseDir
from spark_engine.types.conversions import ConversionFailed, Converted
from spark_engine.types.ids import ModelRef
from spark_engine.types.models import VariantEntry

STAGING = "convert-"
MAKING = 0.8
"""The share of making the files; the rest is comparing."""
_EVIDENCE_LINES = 40
_ENV = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYTHONUNBUFFERED": "1",
}
Report = Callable[[float, str], None]


class Plan(Struct, frozen=True):
    """What is to be made of what; `variant` is the new one."""

    source: VariantEntry
    target: Target
    variant: ModelRef

    @property
    def file_name(self) -> str:
        """What a GGUF file of it is called."""
        return f"{self.variant.model}-{self.target.quantization.lower()}.gguf"


class ConversionSteps:
    """The work of one conversion; `report(fraction, step)` is told how far it is.

    Cancelling the coroutine ends its child processes and deletes what was made.
    """

    def __init__(self, base: BaseDir, plan: Plan, report: Report) -> None:
        self._base, self._plan, self._report = base, plan, report
        self._staging = base.downloads / f"{STAGING}{plan.variant.model}-{plan.variant.variant}"

    async def run(self) -> Converted | ConversionFailed:
        """Convert, compare and move; what came of it."""
        began = time.monotonic()
        try:
            await asyncio.to_thread(self._clear)
            return await self._run(began)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, self._staging, ignore_errors=True))

    async def _run(self, began: float) -> Converted | ConversionFailed:
        made = await self._child("spark_engine.backends.convert", self._conversion(), 0.0, MAKING)
        if not isinstance(made, Done):
            return _failure(made)
        job = self._comparison(made.path)
        compared = await self._child("spark_engine.bench.conversion_check", job, MAKING, 1.0)
        if not isinstance(compared, Compared):
            return _failure(compared)
        seconds = time.monotonic() - began
        self._keep(made, compared, seconds)  # at once: a cancellation must not meet it halfway
        return Converted(round(seconds, 1), compared.agreement)

    # --- the children --------------------------------------------------------------------------------------

    async def _child(
        self, module: str, job: ConversionJob | ComparisonJob, start: float, end: float
    ) -> Done | Compared | ConversionFailed:
        """Run a program with a job; its progress fills the window from `start` to `end`."""
        said: list[Message] = []
        evidence: deque[str] = deque(maxlen=_EVIDENCE_LINES)

        def on_line(line: str) -> None:
            try:
                message: Message = msgspec.json.decode(line, type=Message)
            except msgspec.MsgspecError:
                evidence.append(line)
                return
            if isinstance(message, Progress):
                self._report(start + (end - start) * message.fraction, message.step)
            else:
                said.append(message)

        file = self._staging / "job.json"
        await asyncio.to_thread(file.write_bytes, msgspec.json.encode(job))
        ended = await run([sys.executable, "-m", module, str(file)], on_line, env=_ENV)
        return _outcome(said, ended, "\n".join(evidence))

    def _conversion(self) -> ConversionJob:
        source, target = self._plan.source, self._plan.target
        return ConversionJob(
            source=source.path or "",
            source_format=source.format,
            target_format="onnx" if target.format == "onnx" else "gguf",
            quantization=target.quantization,
            folder=str(self._made),
            work=str(self._staging / "work"),
            name=self._plan.variant.model,
            file_name=self._plan.file_name,
        )

    def _comparison(self, made: str) -> ComparisonJob:
        source = self._plan.source
        return ComparisonJob(source.path or "", source.format, made, self._plan.target.format)

    # --- the files -----------------------------------------------------------------------------------------

    @property
    def _made(self) -> Path:
        return self._staging / "made"

    def _clear(self) -> None:
        shutil.rmtree(self._staging, ignore_errors=True)
        for folder in (self._made, self._staging / "work"):
            folder.mkdir(mode=0o700, parents=True)

    def _keep(self, made: Done, compared: Compared, seconds: float) -> None:
        """Note where it came from, and move it into the library, whole."""
        plan = self._plan
        origin = ConvertedFrom(
            plan.source.id,
            plan.source.path or "",
            plan.target.format,
            plan.target.quantization,
            made.tool,
            datetime.now(UTC).isoformat(timespec="seconds"),
            round(seconds, 1),
            compared.agreement,
            compared.reason,
        )
        write_origin(self._made, origin)
        place = place_of(self._base, plan.variant)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._made.rename(place)


def place_of(base: BaseDir, variant: ModelRef) -> Path:
    """Where the files of a variant lie that Spark makes."""
    return base.models / variant.model / (variant.variant or "")


def remove_leftovers(base: BaseDir) -> None:
    """Delete what an engine that was killed in the middle of a conversion left."""
    for folder in base.downloads.glob(f"{STAGING}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _outcome(said: list[Message], ended: Ended, evidence: str) -> Done | Compared | ConversionFailed:
    match said[-1] if said else None:
        case Failed(code, title, message, remedy):
            return ConversionFailed(code, title, message, remedy, evidence)
        case Done() | Compared() as final if ended.succeeded:
            return final
        case _:
            return failures.crashed(str(ended), evidence)


def _failure(outcome: Done | Compared | ConversionFailed) -> ConversionFailed:
    return outcome if isinstance(outcome, ConversionFailed) else failures.crashed("another answer", "")
