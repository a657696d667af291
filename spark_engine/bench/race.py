"""One file and everybody who can run it, side by side: every round measures each contestant once."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct, field

from spark_engine.bench.children import Children
from spark_engine.bench.field import Entry, entries
from spark_engine.bench.figures import Run
from spark_engine.bench.files import Target
from spark_engine.bench.racer import CannotRun, Racer
from spark_engine.bench.workload import workload
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.bench import Absent, SpeedPlan

CONTEXT = 4096
WARM_UP_TOKENS = 8
STARTING = 0.15
"""The share of the progress that starting everybody takes."""
Tell = Callable[[float, str], None]


class Results(Struct):
    """What one file's race gave: runs and most memory of each contestant at each number of streams, and who failed."""

    runs: dict[tuple[str, int], list[Run]] = field(default_factory=dict)
    memory: dict[tuple[str, int], int] = field(default_factory=dict)
    absent: list[Absent] = field(default_factory=list)
    arrival_s: float = 0.0


class Heat(Struct, frozen=True):
    """One measurement: a contestant, a number of streams, a round."""

    racer: Racer
    streams: int
    round: int

    @property
    def cost(self) -> int:
        """How long it takes compared with others, roughly: streams share the work of a step."""
        return 3 + self.streams


class Race:
    """The race over one file. `tell(fraction, what happens)` is called before everything that takes time."""

    def __init__(self, plan: SpeedPlan, target: Target, children: Children, root: Path, tell: Tell) -> None:
        self._plan, self._target, self._children = plan, target, children
        self._root, self._tell = root, tell
        self._results = Results()
        self._racers: list[Racer] = []
        self._out: set[tuple[str, int]] = set()

    def run(self) -> Results:
        """Start everybody, measure all rounds, end everybody."""
        try:
            self._start_all()
            self._run_all(list(self._heats()))
        finally:
            for racer in self._racers:
                self._children.end(racer.child)
        return self._results

    def _start_all(self) -> None:
        """Start everybody, and learn from the first how long one answer takes: that sets when many streams arrive."""
        field = entries(self._target.format, self._plan.contestants, synthetic=bool(self._target.shape))
        least = min(self._plan.streams)
        able = [entry for entry in field if entry.most is None or entry.most >= least]
        for place, entry in enumerate(able):
            self._tell(STARTING * place / len(able), f"starting {entry.id}")
            try:
                self._racers.append(self._started(entry))
                self._learn_pace(self._racers[0])
            except CannotRun as error:
                self._children.check()
                self._leave_out(entry, str(error))

    def _learn_pace(self, racer: Racer) -> None:
        """Many streams arrive within a share of the time that a whole answer takes alone."""
        if max(self._plan.streams) > 1 and not self._results.arrival_s:
            timelines, _ = racer.generate(workload(1, self._plan.tokens, 0.0, 0, self._plan.prompt))
            self._results.arrival_s = self._plan.spread * (timelines[0].times[-1] - timelines[0].arrived)

    def _started(self, entry: Entry) -> Racer:
        """A contestant that has given a short answer. CannotRun when it has not."""
        pythons = (sys.executable, self._plan.python)
        racer = Racer(entry, self._target, self._load_plan(), pythons, self._children, self._root)
        try:
            racer.generate(workload(1, WARM_UP_TOKENS, 0.0, seed=0))
        except BaseException:
            self._children.end(racer.child)
            raise
        return racer

    def _load_plan(self) -> LoadPlan:
        target, plan = self._target, self._plan
        slots = max(plan.streams)
        return LoadPlan(
            "bench:file",
            target.format,
            target.path,
            context=CONTEXT,
            slots=slots,
            threads=plan.threads,
            prompt_lookup=plan.prompt_lookup,
        )

    def _heats(self) -> Iterator[Heat]:
        """Every measurement in order. Who begins changes from round to round."""
        for round in range(1, self._plan.rounds + 1):
            for streams in sorted(set(self._plan.streams)):
                shift = (round - 1) % max(1, len(self._racers))
                for racer in [*self._racers[shift:], *self._racers[:shift]]:
                    if racer.entry.most is None or streams <= racer.entry.most:
                        yield Heat(racer, streams, round)

    def _run_all(self, heats: list[Heat]) -> None:
        done, total = 0, sum(heat.cost for heat in heats) or 1
        for heat in heats:
            if (heat.racer.entry.id, heat.streams) not in self._out:
                self._tell(STARTING + (1 - STARTING) * done / total, self._phrase(heat))
                self._measure(heat)
            done += heat.cost

    def _measure(self, heat: Heat) -> None:
        key = (heat.racer.entry.id, heat.streams)
        seed = 1000 * heat.streams + heat.round
        plan, results = self._plan, self._results
        streams = workload(heat.streams, plan.tokens, results.arrival_s, seed, plan.prompt)
        try:
            run, memory = heat.racer.run(streams)
        except CannotRun as error:
            self._children.check()
            self._drop(heat, error)
            return
        self._results.runs.setdefault(key, []).append(run)
        self._results.memory[key] = max(memory, self._results.memory.get(key, 0))

    def _drop(self, heat: Heat, error: CannotRun) -> None:
        """Measure no more of what failed: these streams of the contestant, or any when its process has ended."""
        entry = heat.racer.entry
        lost = self._plan.streams if error.for_good else (heat.streams,)
        self._out |= {(entry.id, streams) for streams in lost}
        for streams in lost:
            self._results.runs.pop((entry.id, streams), None)
        self._leave_out(entry, str(error) if error.for_good else f"{_streams(heat.streams)}: {error}")

    def _leave_out(self, entry: Entry, reason: str) -> None:
        self._results.absent.append(Absent(entry.id, entry.title, reason))

    def _phrase(self, heat: Heat) -> str:
        return f"{heat.racer.entry.id} ×{heat.streams} · {heat.round}/{self._plan.rounds}"


def _streams(count: int) -> str:
    return "1 stream" if count == 1 else f"{count} streams"
