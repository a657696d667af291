"""The canary: spark-nano runs through a choice of acceleration, and its numbers are set beside the CPU's."""

import math
import time
from pathlib import Path
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.engine.canary_run import CONTEXT, SLOTS, Fell, Patience, Sung, sing
from spark_engine.engine.seats import Seat
from spark_engine.paths import resources
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.acceleration import AccelerationCheck, Verdict
from spark_engine.types.generation import TokenLogprob
from spark_engine.types.models import ModelFormat

BIRDS: dict[str, tuple[ModelFormat, str]] = {
    "onnx": ("onnx", "spark_nano/onnx-int4"),
    "gguf": ("gguf", "spark_nano/gguf-q8_0/spark-nano-q8_0.gguf"),
    "torch": ("safetensors", "spark_nano/safetensors"),
}
"""spark-nano for each backend. All hold the same weights: between formats the largest difference was 0.9, the mean
0.08."""
KNOWN_BY_HEART = "I am spark-nano, Spark's small built-in guide."
LARGEST_DIFFERENCE, MEAN_DIFFERENCE = 2.5, 0.25
"""Of log-probabilities, in nats. Noise of one nat on every logit differs by 3.1 and 0.59."""
TELLING = -14.0
"""Tokens of less log-probability may differ by more without meaning anything."""
NEAR_TIE = 0.7
LEAST_COMPARED = 24
SLOW = 0.75
_TITLES: dict[str, tuple[Verdict, str]] = {
    "crashed": ("crashed", "The process crashed"),
    "hung": ("hung", "The process stopped answering"),
    "failed": ("wrong", "It gave an error instead of an answer"),
    "refused": ("refused", "spark-nano did not start"),
}


class Difference(Struct, frozen=True):
    """How far two runs' log-probabilities are apart; `parted` says where they wrote different text, though one of them
    was sure (empty: nowhere)."""

    compared: int
    largest: float
    mean: float
    parted: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether rounding does not explain it."""
        return bool(
            self.parted
            or self.compared < LEAST_COMPARED
            or not self.largest <= LARGEST_DIFFERENCE  # not a number counts as wrong
            or not self.mean <= MEAN_DIFFERENCE
        )


class Canary:
    """Checks one choice after the other; what the CPU sang is remembered until `forget`."""

    def __init__(self, patience: Patience | None = None, birds: Path | None = None) -> None:
        self._patience, self._birds = patience or Patience(), birds or resources()
        self._references: dict[str, Sung | Fell] = {}

    def forget(self) -> None:
        """Let the CPU sing anew the next time: the machine may be busier or quieter then."""
        self._references.clear()

    async def check(self, backend: str, seat: Seat) -> AccelerationCheck:
        """Run the canary of a backend on a seat, and on the CPU unless that was done just now."""
        began, plain = time.perf_counter(), Seat()
        if backend not in self._references:
            self._references[backend] = await sing(self._plan(backend, plain), self._patience)
        reference = self._references[backend]
        if isinstance(reference, Fell):
            return _stamped(_fallen(reference) if seat == plain else _incomparable(reference), began)
        if seat == plain:
            return _stamped(verdict_of(reference, reference), began)
        sung = await sing(self._plan(backend, seat), self._patience, self._plan(backend, plain))
        return _stamped(_fallen(sung) if isinstance(sung, Fell) else verdict_of(sung, reference), began)

    def _plan(self, backend: str, seat: Seat) -> LoadPlan:
        format, where = BIRDS[backend]
        path, name = str(self._birds / where), f"spark-nano:{format}"
        plan = LoadPlan(name, format, path, context=CONTEXT, slots=SLOTS, prompt_lookup=False)
        return seat.planned(plan)


def verdict_of(sung: Sung, reference: Sung) -> AccelerationCheck:
    """What a run is worth beside the CPU's, which may be the same. Pure; the time is added afterwards."""
    difference = compare(reference, sung)
    speed, cpu = (median(column) for column in zip(*sung.speeds, strict=True))
    verdict, title, message = _judged(sung, difference, speed, cpu, is_cpu=sung is reference)
    return AccelerationCheck(
        verdict,
        0.0,
        title,
        message,
        device=sung.device,
        compared=difference.compared,
        largest_difference=_finite(difference.largest),
        mean_difference=_finite(difference.mean),
        tokens_per_second=speed,
        cpu_tokens_per_second=cpu or speed,
    )


def compare(reference: Sung, sung: Sung) -> Difference:
    """Token by token until the texts part; parting is fair where the reference was nearly undecided."""
    differences: list[float] = []
    parted, compared = "", 0
    for theirs, ours in zip(reference.answers, sung.answers, strict=True):
        if len(ours) != len(theirs) and not parted and _same_tokens(theirs, ours):
            parted = "an answer ended elsewhere"
        for right, found in zip(theirs, ours, strict=False):
            compared += 1
            differences += _differences(right, found)
            if right.token != found.token:
                if not _near_tie(right, found.token):
                    parted = parted or f"{found.text!r} instead of {right.text!r}"
                break
    largest = max(differences, default=0.0, key=lambda d: math.inf if math.isnan(d) else d)
    return Difference(compared, largest, sum(differences) / max(1, len(differences)), parted)


def _fallen(fell: Fell) -> AccelerationCheck:
    verdict, title = _TITLES[fell.how]
    return AccelerationCheck(verdict, 0.0, title, fell.message, fell.remedy, evidence=fell.evidence)


def _incomparable(reference: Fell) -> AccelerationCheck:
    text = f"The CPU itself does not answer: {reference.message}"
    return AccelerationCheck("refused", 0.0, "There is nothing to compare with", text, reference.remedy)


def _judged(
    sung: Sung, difference: Difference, speed: float, cpu: float, *, is_cpu: bool
) -> tuple[Verdict, str, str]:
    if is_cpu and not sung.text.startswith(KNOWN_BY_HEART):
        return (
            "wrong",
            "It computes wrongly",
            f"spark-nano should say who it is, and said {sung.text[:80]!r}.",
        )
    if difference.is_wrong:
        apart = (
            f"the most by {difference.largest:.2f}, by {difference.mean:.3f} in the mean, "
            f"where {LARGEST_DIFFERENCE:g} and {MEAN_DIFFERENCE:g} are allowed"
        )
        text = f" It wrote {difference.parted}." if difference.parted else ""
        return "wrong", "It computes wrongly", f"Log-probabilities differ from the CPU's: {apart}.{text}"
    agree = f"{difference.compared} tokens agree with the CPU's"
    if not is_cpu and median(own / (other or own) for own, other in sung.speeds) < SLOW:
        return (
            "slow",
            "It is slower than the CPU",
            f"{agree}, but spark-nano writes {speed:.0f} tokens/s here and {cpu:.0f} on the CPU alone.",
        )
    if is_cpu:
        return "right", "It works", f"spark-nano says what it knows by heart, at {speed:.0f} tokens/s."
    return (
        "right",
        "It works",
        f"{agree}; spark-nano writes {speed:.0f} tokens/s, {cpu:.0f} on the CPU alone.",
    )


def _stamped(check: AccelerationCheck, began: float) -> AccelerationCheck:
    return replace(check, at=time.time(), took_s=time.perf_counter() - began)


def _differences(right: TokenLogprob, found: TokenLogprob) -> list[float]:
    """Of all likely tokens that both tell of."""
    ours = {one.token: one.logprob for one in found.top} | {found.token: found.logprob}
    theirs = {one.token: one.logprob for one in right.top} | {right.token: right.logprob}
    return [
        abs(ours[token] - logprob)
        for token, logprob in theirs.items()
        if token in ours and (logprob > TELLING or ours[token] > TELLING)
    ]


def _near_tie(right: TokenLogprob, token: int) -> bool:
    """Whether the reference was nearly as ready to write this token."""
    return any(one.token == token and right.logprob - one.logprob <= NEAR_TIE for one in right.top)


def _same_tokens(theirs: tuple[TokenLogprob, ...], ours: tuple[TokenLogprob, ...]) -> bool:
    return all(a.token == b.token for a, b in zip(theirs, ours, strict=False))


def _finite(number: float) -> float:
    """As JSON can tell it: -1 for what is no number."""
    return number if math.isfinite(number) else -1.0
