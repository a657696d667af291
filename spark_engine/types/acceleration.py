"""Acceleration as people see it: what could run models here, what does, and the evidence for each."""

from typing import Literal

from msgspec import Struct

AUTO_CHOICE = "auto"
CPU_CHOICE = "cpu"
"""The choice every backend has: the processor, in the plainest way. All others are compared with it."""
Verdict = Literal["right", "slow", "wrong", "crashed", "hung", "refused"]
Stage = Literal["absent", "found", "installed", "verified", "in_use"]
DeviceKind = Literal["cpu", "gpu", "npu"]


class AccelerationCheck(Struct, frozen=True):
    """What came of running spark-nano this way. `at` is Unix seconds; `device` what the runner said it ran on.

    `compared` tokens were set beside the CPU's; differences are of log-probabilities, in nats. Speeds are tokens per
    second of one stream, `cpu_tokens_per_second` the CPU's in the same minute; 0 where it did not come to that.
    `evidence` is the end of the runner's stderr.
    """

    verdict: Verdict
    at: float
    title: str
    message: str
    remedy: str = ""
    took_s: float = 0.0
    device: str = ""
    library: str = ""
    driver: str = ""
    compared: int = 0
    largest_difference: float = 0.0
    mean_difference: float = 0.0
    tokens_per_second: float = 0.0
    cpu_tokens_per_second: float = 0.0
    evidence: str = ""


class AccelerationChoice(Struct, frozen=True):
    """One way to run a backend's models. `device` names the hardware; `found`: the machine has it, `installed`: so are
    the libraries, `in_use`: a loaded model runs so.

    `why` says what keeps it from the next step and `command` the one command that would change that (empty: none).
    `check` is the last trial; `outdated` says why it does not count any more. `checking`: what its running trial does.
    """

    id: str
    name: str
    kind: DeviceKind
    device: str
    found: bool
    installed: bool
    library: str = ""
    driver: str = ""
    in_use: bool = False
    why: str = ""
    command: str = ""
    check: AccelerationCheck | None = None
    outdated: str = ""
    checking: str = ""


class Switching(Struct, frozen=True):
    """A change that is under way: to which choice, and a short phrase for where it is."""

    choice: str
    step: str


class SwitchFailed(Struct, frozen=True):
    """A change that did not come about; the text fields are those of `errors.SparkError`."""

    choice: str
    code: str
    title: str
    message: str
    remedy: str = ""


class SteppedDown(Struct, frozen=True):
    """A variant that runs in a safer way than chosen since its runner kept dying, or would not load. `context`: tokens
    it was reduced to, 0 when it was not."""

    variant: str
    wanted: str
    choice: str
    context: int
    at: float
    reason: str
    evidence: str = ""


class AccelerationBackend(Struct, frozen=True):
    """The choices for one backend's `formats`. `wish` is what its owner chose (`auto` or a choice), `chosen` what loads
    use now (empty: none may) and `why` the reason. `strict`: never the CPU instead of what was chosen."""

    id: str
    name: str
    formats: tuple[str, ...]
    wish: str = AUTO_CHOICE
    strict: bool = False
    chosen: str = CPU_CHOICE
    why: str = ""
    choices: tuple[AccelerationChoice, ...] = ()
    switching: Switching | None = None
    failed: SwitchFailed | None = None
    stepped_down: tuple[SteppedDown, ...] = ()


def computes_rightly(choice: AccelerationChoice) -> bool:
    """Whether a trial that still counts found its numbers right, however fast it was."""
    return choice.check is not None and not choice.outdated and choice.check.verdict in ("right", "slow")


def has_failed(choice: AccelerationChoice) -> bool:
    """Whether a trial that still counts says that it must not be used."""
    return choice.check is not None and not choice.outdated and not computes_rightly(choice)


def stage(choice: AccelerationChoice) -> Stage:
    """The furthest of the four steps that it has reached."""
    if choice.in_use:
        return "in_use"
    if not choice.installed:
        return "found" if choice.found else "absent"
    return "verified" if computes_rightly(choice) else "installed"


def find_choice(backend: AccelerationBackend, id: str) -> AccelerationChoice | None:
    """The backend's choice with this id."""
    return next((choice for choice in backend.choices if choice.id == id), None)


def verdict_word(verdict: Verdict) -> str:
    """One or two words for people, as window and CLI show them."""
    return _WORDS[verdict]


_WORDS: dict[Verdict, str] = {
    "right": "verified",
    "slow": "slower than CPU",
    "wrong": "wrong numbers",
    "crashed": "crashed",
    "hung": "hung",
    "refused": "did not start",
}
