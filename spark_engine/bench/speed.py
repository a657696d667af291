"""A speed run from beginning to end: files, machine, a race over each file, what a step costs besides the decoder."""

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from spark_engine import __version__
from spark_engine.backends.cores import physical_cores
from spark_engine.bench.children import ChildEnded, Children
from spark_engine.bench.field import FIELD, IDS
from spark_engine.bench.files import Target, targets, weight_bytes
from spark_engine.bench.machine import measured_again, this_machine
from spark_engine.bench.overhead import measure_overheads, with_shares
from spark_engine.bench.race import Race, Results
from spark_engine.bench.reporter import Reporter
from spark_engine.bench.standing import group
from spark_engine.errors import InvalidRequest
from spark_engine.types.bench import Overhead, SpeedPlan, SpeedReport

MOST_STREAMS = 64
LONGEST = 2048
RACES = 0.95
"""The share of the progress that the races take."""


def run_speed(plan: SpeedPlan, children: Children, reporter: Reporter) -> SpeedReport:
    """Measure what `plan` says. SparkError when that makes no sense or cannot be had."""
    check(plan)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    found = targets(plan, children, reporter)
    reporter.step(None, "memory bandwidth")
    machine = this_machine()
    plan = replace(plan, threads=plan.threads or physical_cores())
    with tempfile.TemporaryDirectory(prefix="spark-bench-", ignore_cleanup_errors=True) as root:
        raced = [
            (target, *_race(plan, target, (place, len(found)), children, reporter, Path(root)))
            for place, target in enumerate(found)
        ]
    machine = measured_again(machine)
    groups = tuple(group(target, weights, results, machine.bandwidth) for target, weights, results in raced)
    reporter.step(RACES, "scheduler and sampler")
    overheads = with_shares(_overheads(plan, children), groups)
    return SpeedReport(__version__, at, plan, machine, groups, overheads)


def check(plan: SpeedPlan) -> None:
    """InvalidRequest when the plan makes no sense."""
    unknown = [id for id in plan.contestants if id not in IDS]
    if unknown:
        raise _wrong("contestants", f"{unknown[0]!r} is none of them: {', '.join(IDS)}.")
    if not plan.streams or not all(1 <= count <= MOST_STREAMS for count in plan.streams):
        raise _wrong("streams", f"Numbers from 1 to {MOST_STREAMS} are wanted.")
    if plan.rounds < 1 or not 2 <= plan.tokens <= LONGEST:
        raise _wrong("tokens", f"At least one round and from 2 to {LONGEST} tokens are wanted.")


def _race(
    plan: SpeedPlan,
    target: Target,
    place: tuple[int, int],
    children: Children,
    reporter: Reporter,
    root: Path,
) -> tuple[int, Results]:
    """The bytes that a token reads of the target, and what its race gave; `place`: which of how many this is."""
    number, count = place

    def tell(fraction: float, text: str) -> None:
        children.check()
        reporter.step(RACES * (number + fraction) / count, f"{target.format} · {text}")

    weights = weight_bytes(target, (sys.executable, plan.python or sys.executable), children)
    return weights, Race(plan, target, children, root, tell).run()


def _overheads(plan: SpeedPlan, children: Children) -> tuple[Overhead, ...]:
    """Nothing when only other engines were wanted, or when it cannot be measured."""
    if plan.contestants and not any(e.id in plan.contestants and not e.library for e in FIELD):
        return ()
    try:
        return measure_overheads(plan.rounds, children)
    except ChildEnded:
        children.check()
        return ()


def _wrong(param: str, message: str) -> InvalidRequest:
    return InvalidRequest(
        "bad_option", f"--{param} is wrong", message, "See `spark bench --help`.", param=param
    )
