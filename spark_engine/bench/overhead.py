"""What everything around the decoder takes of a step, with a vocabulary as large as Phi-4-mini's."""

import statistics
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from spark_engine.bench.children import ChildEnded, Children
from spark_engine.bench.figures import ratio, spread
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.bench import Group, Overhead

VOCABULARY = 200_064
STREAMS = (1, 8)
KINDS = ("greedy", "top_k 40, top_p 0.95")
TOKENS, PROMPT = 200, list(range(97, 113))
OPEN_S, RUN_S = 60.0, 120.0


def measure_overheads(rounds: int, children: Children) -> tuple[Overhead, ...]:
    """Greedy and sampled, for one stream and for eight. ChildEnded when it cannot be measured."""
    child = children.start([sys.executable, "-m", "spark_engine.bench.contestants.step_overhead"])
    try:
        plan = LoadPlan(
            "bench:echo", "echo", f"?vocabulary={VOCABULARY}", slots=max(STREAMS), prompt_lookup=False
        )
        _checked(child.ask({"plan": msgspec.to_builtins(plan)}, OPEN_S))
        return tuple(_measured(child, streams, kind, rounds) for kind in KINDS for streams in STREAMS)
    finally:
        children.end(child)


def with_shares(overheads: Iterable[Overhead], groups: Iterable[Group]) -> tuple[Overhead, ...]:
    """The same, each compared with the steps of the groups' bare decoder loops with as many streams."""
    groups = tuple(groups)
    return tuple(msgspec.structs.replace(o, shares=_shares(o, groups)) for o in overheads)


def _shares(overhead: Overhead, groups: Iterable[Group]) -> dict[str, float]:
    steps = {
        group.id: measured.gap_ms.median * 1000
        for group in groups
        for measured in group.measured
        if measured.contestant == "bare" and measured.streams == overhead.streams
    }
    found = {id: ratio(overhead.outside_us.median, step) for id, step in steps.items()}
    return {id: share for id, share in found.items() if share is not None}


def _measured(child: Any, streams: int, kind: str, rounds: int) -> Overhead:
    asked = [{"prompt": PROMPT, "tokens": TOKENS, "sampled": kind != KINDS[0]}] * streams
    medians = []
    for _ in range(rounds + 1):
        answer = _checked(child.ask({"streams": asked}, RUN_S))
        medians.append(statistics.median(answer["measured"][0]["outside_us"]))
    return Overhead(streams, kind, VOCABULARY, spread(medians[1:]))  # the first one warmed up


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "failed" in answer or "missing" in answer:
        raise ChildEnded(str(answer))
    return answer
