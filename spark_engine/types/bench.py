"""A benchmark: what is asked for, how it comes along, and what was measured."""

from typing import Literal

from msgspec import Struct

Size = Literal["quarter", "tiny"]
SIZES: tuple[Size, ...] = ("quarter", "tiny")
SPARK = "spark"
"""The contestant that all others are compared with: Spark as apps see it."""


class SpeedPlan(Struct, frozen=True, tag="speed"):
    """Measure speeds. `model`: an installed model or variant; empty: the synthetic one of `size`.

    `streams`: how many at once, each measured by itself; `tokens` of one answer; those of many streams differ from it
    and arrive within `spread` times what one answer takes alone. `contestants`: only these; empty means all that
    fit. `python`: the interpreter that has the other engines' libraries; empty: this one. `cache`: where synthetic
    models are kept. `prompt_lookup`: whether Spark may guess repeated text; answers without end repeat themselves,
    which tells nothing about decoding.
    """

    base: str
    model: str = ""
    size: Size = "quarter"
    streams: tuple[int, ...] = (1, 2, 4, 8, 16)
    rounds: int = 3
    tokens: int = 64
    prompt: int = 24
    spread: float = 0.5
    threads: int = 0
    contestants: tuple[str, ...] = ()
    python: str = ""
    cache: str = ""
    prompt_lookup: bool = False


class AgreementPlan(Struct, frozen=True, tag="agreement"):
    """Compare the files of one model by what they predict: each variant of `model` with `reference` (empty: the variant
    with the most exact weights), over `tokens` of the reference's own answer to each prompt."""

    base: str
    model: str
    reference: str = ""
    tokens: int = 64


Plan = SpeedPlan | AgreementPlan


class Spread(Struct, frozen=True):
    """One figure over the rounds: its median, least and most."""

    median: float
    least: float
    most: float


class Measured(Struct, frozen=True):
    """One contestant at one number of streams.

    `tokens_per_second`: all tokens after the first, from the first token of any stream to the last of any.
    `total_per_second`: all tokens, from the first arrival to the last token: with the reading of all prompts.
    `first_token_ms`: from a stream's arrival to its first token, the median stream; `gap_ms`, `worst_gap_ms`: median
    and largest time between two tokens of one stream. `memory_bytes`: the most its processes held resident so far.
    `bandwidth_share`: of the machine's memory bandwidth, by reading the weights once per token (one stream only).
    `vs_spark`: in units of Spark's over HTTP, its tokens per second of one stream, but its total of several, as some
    engines read every prompt before the first token. `vs_one`: its total in units of its own with one stream.
    """

    contestant: str
    title: str
    streams: int
    tokens_per_second: Spread
    total_per_second: Spread
    first_token_ms: Spread
    gap_ms: Spread
    worst_gap_ms: Spread
    memory_bytes: int
    bandwidth_share: float | None = None
    vs_spark: float | None = None
    vs_one: float | None = None

    @property
    def speed(self) -> Spread:
        """What it is compared by: how fast one stream is written, or all that several are, their prompts read too."""
        return self.tokens_per_second if self.streams == 1 else self.total_per_second


class Absent(Struct, frozen=True):
    """A contestant that gave no figures, and why in a few words."""

    contestant: str
    title: str
    reason: str


class Group(Struct, frozen=True):
    """One file and everybody who ran it. `id` names the file as in a variant id; `weight_bytes` are read per token;
    many streams arrive within `arrival_s` seconds."""

    id: str
    title: str
    weight_bytes: int
    arrival_s: float = 0.0
    measured: tuple[Measured, ...] = ()
    absent: tuple[Absent, ...] = ()


class Overhead(Struct, frozen=True):
    """What scheduler, sampler and all else around the decoder take of a step, in microseconds, with a vocabulary of
    `vocabulary` tokens; `shares`: of a step of each group's bare decoder loop with as many streams."""

    streams: int
    sampling: str
    vocabulary: int
    outside_us: Spread
    shares: dict[str, float] = {}


class Machine(Struct, frozen=True):
    """Where it was measured. `bandwidth` is bytes per second that all cores together can read; `load`: processes that
    wanted a core when the measuring began (None where the system does not tell)."""

    processor: str
    system: str
    cores: int
    memory_bytes: int
    bandwidth: float
    load: float | None


class SpeedReport(Struct, frozen=True, tag="speed"):
    """Everything a run measured. `at` is a time in UTC (ISO 8601); `version` Spark's."""

    version: str
    at: str
    plan: SpeedPlan
    machine: Machine
    groups: tuple[Group, ...]
    overheads: tuple[Overhead, ...] = ()


class Agreement(Struct, frozen=True):
    """How far a variant predicts what the reference does, over `positions` predicted tokens.

    `top1`: the share of positions where both hold the same token for the likeliest; `kl`: mean Kullback-Leibler
    divergence of its distribution from the reference's, in nats; `worst_kl`: the largest one.
    """

    variant: str
    positions: int
    top1: float
    kl: float
    worst_kl: float


class AgreementReport(Struct, frozen=True, tag="agreement"):
    """What a comparison of files found. `absent`: variants that could not run, with the reason."""

    version: str
    at: str
    reference: str
    prompts: int
    variants: tuple[Agreement, ...]
    absent: tuple[Absent, ...] = ()


Report = SpeedReport | AgreementReport


class Step(Struct, frozen=True, tag="step"):
    """The work goes on: `fraction` 0..1 (None: unknown), and a phrase for people."""

    fraction: float | None
    text: str


class Done(Struct, frozen=True, tag="done"):
    """The end of a run that worked."""

    report: Report


class Refused(Struct, frozen=True, tag="refused"):
    """The end of a run that did not; the fields are those of `errors.SparkError`."""

    code: str
    title: str
    message: str
    remedy: str = ""


Said = Step | Done | Refused
