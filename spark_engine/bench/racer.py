"""One contestant that takes part in a race: its program, started and asked for runs."""

from pathlib import Path
from typing import Any

import msgspec
import psutil

from spark_engine.bench.children import ChildEnded, Children
from spark_engine.bench.field import Entry, interpreter, missing_library
from spark_engine.bench.figures import Run, Timeline, run_figures
from spark_engine.bench.files import Target
from spark_engine.bench.libraries import distribution
from spark_engine.bench.memory import peak_bytes
from spark_engine.bench.workload import StreamPlan, together
from spark_engine.protocol.messages import LoadPlan

OPEN_S, RUN_S = 900.0, 1800.0
NEEDED = 2.2
"""Memory a contestant takes at most, in units of its files: most keep the weights in another order beside them."""


class CannotRun(Exception):
    """A contestant cannot do what is asked of it; the text says why in a few words. `for_good`: it has ended."""

    def __init__(self, reason: str, *, for_good: bool = True) -> None:
        super().__init__(reason)
        self.for_good = for_good


class Racer:
    """A started contestant that has opened its model. CannotRun when it does not come to that."""

    def __init__(
        self,
        entry: Entry,
        target: Target,
        plan: LoadPlan,
        pythons: tuple[str, str],
        children: Children,
        root: Path,
    ) -> None:
        self.entry = entry
        if library := missing_library(entry, target.format, pythons[1]):
            raise _not_installed(library)
        check_memory(Path(target.path))
        python = interpreter(entry, *pythons)
        self.child = children.start([python, "-m", f"spark_engine.bench.contestants.{entry.program}"])
        try:
            self._open(_order(entry, target, plan, root))
        except BaseException:
            children.end(self.child)
            raise

    def run(self, streams: tuple[StreamPlan, ...]) -> tuple[Run, int]:
        """Run these streams: the figures, and the most memory held so far. CannotRun when it fails."""
        timelines, pids = self.generate(streams)
        try:
            return run_figures(timelines), peak_bytes(pids)
        except ValueError as error:
            raise CannotRun(str(error), for_good=False) from error

    def generate(self, streams: tuple[StreamPlan, ...]) -> tuple[list[Timeline], list[int]]:
        """Run these streams: when their tokens came, and the processes that did it. CannotRun when it fails."""
        asked = msgspec.to_builtins(together(streams) if self.entry.together else streams)
        answer = self._ask({"streams": asked}, RUN_S)
        return msgspec.convert(answer["measured"], list[Timeline]), answer["pids"]

    def _open(self, order: dict[str, Any]) -> None:
        answer = self._ask(order, OPEN_S)
        if "missing" in answer:
            raise _not_installed(answer["missing"])

    def _ask(self, question: dict[str, Any], patience_s: float) -> dict[str, Any]:
        try:
            answer = self.child.ask(question, patience_s)
        except ChildEnded as error:
            raise CannotRun(str(error)) from error
        if "failed" in answer:
            raise CannotRun(f"failed: {answer['failed']}", for_good=False)
        return answer


def check_memory(model: Path) -> None:
    """CannotRun when a model's files do not fit into the memory that is free: swapping would measure the disk."""
    files = [model] if model.is_file() else [file for file in model.rglob("*") if file.is_file()]
    wanted = int(NEEDED * sum(file.stat().st_size for file in files))
    free = int(psutil.virtual_memory().available)
    if wanted > free:
        raise CannotRun(f"too little memory (about {wanted / 1e9:.1f} GB wanted, {free / 1e9:.1f} GB free)")


def _not_installed(module: str) -> CannotRun:
    return CannotRun(f"not installed ({distribution(module.partition('.')[0])})")


def _order(entry: Entry, target: Target, plan: LoadPlan, root: Path) -> dict[str, Any]:
    return {
        "plan": msgspec.to_builtins(plan),
        "threads_set": entry.threads_set,
        "words": target.words,
        "shape": target.shape,
        "root": str(root / f"{target.format}-{entry.id}"),
    }
