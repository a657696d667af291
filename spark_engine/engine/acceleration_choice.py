"""Which acceleration loads use: what was wished where it may be, else the fastest that computes rightly. Pure."""

from collections.abc import Callable, Sequence

from spark_engine.engine.acceleration_record import Wish
from spark_engine.errors import Conflict
from spark_engine.types.acceleration import (
    AUTO_CHOICE,
    CPU_CHOICE,
    AccelerationChoice,
    computes_rightly,
    has_failed,
)

FASTER = 1.1
"""So much faster than the CPU something has to be: measurements are not more exact."""
Measured = Callable[[AccelerationChoice], float | None]
"""How many times as fast as on the CPU real models were with a choice; None where that was not seen."""


def chosen(wish: Wish, choices: Sequence[AccelerationChoice], measured: Measured) -> tuple[str, str]:
    """The id and the reason in a sentence; an empty id when `strict` leaves nothing."""
    if wish.choice == AUTO_CHOICE:
        return _fastest(choices, measured, strict=wish.strict)
    found = next((choice for choice in choices if choice.id == wish.choice), None)
    if found is not None and (found.id == CPU_CHOICE or wish.strict or may_run(found)):
        return found.id, "It was chosen."
    if wish.strict:
        return "", f"{wish.choice} was chosen, which is not there any more, and nothing else may be used."
    name = found.name if found else wish.choice
    return CPU_CHOICE, f"{name} was chosen, but {_obstacle(found)}"


def may_run(choice: AccelerationChoice) -> bool:
    """Whether it is installed and a trial found its numbers right."""
    return choice.installed and computes_rightly(choice)


def safer(choices: Sequence[AccelerationChoice], current: str, *, strict: bool) -> list[str]:
    """Where a model can go whose runner does not stay alive, the next one first; the CPU comes last, and not at all
    when `strict` is set and something else was running."""
    if current == CPU_CHOICE:
        return []
    kind = next((choice.kind for choice in choices if choice.id == current), "cpu")
    others = (
        [c for c in choices if c.kind != "cpu" and c.id != current and may_run(c)] if kind != "cpu" else []
    )
    slower = sorted(others, key=lambda c: -c.check.tokens_per_second if c.check else 0.0)
    return [*(c.id for c in slower), *([] if strict and kind != "cpu" else [CPU_CHOICE])]


def refuse_unusable(choice: AccelerationChoice) -> None:
    """Conflict when it cannot be chosen: it is not here, or a trial said that it must not be used."""
    if not choice.installed:
        step = "It is not installed" if choice.found else "This machine does not have it"
        raise Conflict(
            "choice_not_installed",
            f"{choice.name} cannot be used here",
            f"{step}: {choice.why}",
            choice.command and f"`{choice.command}`",
            param="choice",
        )
    if has_failed(choice) and choice.check is not None and choice.id != CPU_CHOICE:
        raise Conflict(
            "choice_failed",
            f"{choice.name} is not used",
            f"{choice.check.title}: {choice.check.message}",
            choice.check.remedy or "Check it again once something has changed: `spark acceleration verify`.",
            param="choice",
        )


def _fastest(choices: Sequence[AccelerationChoice], measured: Measured, *, strict: bool) -> tuple[str, str]:
    best, factor = "" if strict else CPU_CHOICE, 0.0 if strict else FASTER
    for choice in choices:
        if choice.id == CPU_CHOICE or not may_run(choice) or (strict and choice.kind == "cpu"):
            continue
        faster = _factor(choice, measured)
        if faster > factor:
            best, factor = choice.id, faster
    if best == CPU_CHOICE:
        return best, "Nothing that was checked here is faster than the CPU."
    if not best:
        return best, "Only the CPU computes rightly here, and it is not to be used."
    return best, f"It computes rightly and is {factor:.1f} times as fast as the CPU."


def _factor(choice: AccelerationChoice, measured: Measured) -> float:
    """How many times as fast as the CPU. Of other ways to use the CPU spark-nano, which is tiny, tells nothing."""
    if (seen := measured(choice)) is not None:
        return seen
    check = choice.check
    if choice.kind == "cpu" or check is None or check.verdict != "right" or not check.cpu_tokens_per_second:
        return 0.0
    return check.tokens_per_second / check.cpu_tokens_per_second


def _obstacle(choice: AccelerationChoice | None) -> str:
    if choice is None:
        return "it is not there any more. The CPU is used."
    if not choice.installed:
        return f"it cannot run: {choice.why} The CPU is used."
    if has_failed(choice) and choice.check:
        return f"its last check failed: {choice.check.title}. The CPU is used."
    return "it has to be checked again first. The CPU is used meanwhile."
