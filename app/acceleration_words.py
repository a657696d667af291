"""What the Acceleration page says of a choice and of its evidence: pure words from the shared vocabulary."""

from datetime import datetime

from msgspec import Struct

from app.widgets.steps import Steps
from app.words import duration, plain
from spark_engine.types.acceleration import (
    AUTO_CHOICE,
    AccelerationBackend,
    AccelerationCheck,
    AccelerationChoice,
    Stage,
    find_choice,
    has_failed,
    stage,
    verdict_word,
)

STEP_WORDS: dict[Stage, str] = {
    "absent": "not here",
    "found": "not installed",
    "installed": "not checked",
    "verified": "verified",
    "in_use": "in use",
}
_REACHED: dict[Stage, int] = {"absent": 0, "found": 1, "installed": 2, "verified": 3, "in_use": 4}
INSTALL = "spark backends install "


class RowAct(Struct, frozen=True):
    """The one action of a row: its word (empty: none) and what it does: use, check, install or copy."""

    word: str = ""
    key: str = ""


def steps_of(choice: AccelerationChoice) -> Steps:
    """The four steps of a choice as they are drawn, with the word for where it stands."""
    reached = _REACHED[stage(choice)]
    if choice.checking:
        return Steps("checking…", "info", min(reached, 2), active=True)
    if has_failed(choice) and choice.check is not None:
        return Steps(verdict_word(choice.check.verdict), "bad", 2, failed=True)
    word, tone = STEP_WORDS[stage(choice)], "ok" if reached >= 3 else "quiet"
    if choice.outdated and not choice.in_use:
        return Steps("to be checked again", "warn", 2)
    if stage(choice) == "verified" and choice.check is not None and choice.check.verdict == "slow":
        return Steps(verdict_word("slow"), "warn", 3)
    unverified = stage(choice) == "in_use" and choice.check is None
    return Steps(word, tone, reached, skipped=unverified)


def act_of(backend: AccelerationBackend, choice: AccelerationChoice) -> RowAct:
    """What is to be done about a choice."""
    if choice.checking or backend.switching is not None:
        return RowAct()
    if choice.installed:
        if has_failed(choice):
            return RowAct("Check again", "check")
        return RowAct() if choice.id in (backend.chosen, backend.wish) else RowAct("Use", "use")
    if choice.command.startswith(INSTALL):
        return RowAct("Install", "install")
    return RowAct("Copy command", "copy") if choice.command else RowAct()


def standing(backend: AccelerationBackend) -> str:
    """What its models run on and why, in a sentence or two."""
    chosen = find_choice(backend, backend.chosen)
    name = chosen.name if chosen else "Nothing"
    if backend.wish != AUTO_CHOICE and backend.wish == backend.chosen:
        return f"{name}, chosen by you."
    how = ", chosen automatically" if backend.wish == AUTO_CHOICE else ""
    return f"{name}{how}. {backend.why}".strip()


def speed_words(choice: AccelerationChoice) -> str:
    """Tokens per second that spark-nano wrote; empty where that was not measured."""
    speed = choice.check.tokens_per_second if choice.check else 0.0
    return f"{speed:,.0f} tok/s" if speed else ""


def share_of(choice: AccelerationChoice, backend: AccelerationBackend) -> float:
    """Its speed beside the fastest of its backend, 0..1."""
    speeds = [c.check.tokens_per_second for c in backend.choices if c.check]
    most = max(speeds, default=0.0)
    return choice.check.tokens_per_second / most if choice.check and most else 0.0


def reason(choice: AccelerationChoice) -> str:
    """What keeps it from the next step; empty when nothing does."""
    check = choice.check
    if check is not None and not choice.outdated and check.verdict != "right":
        return plain(f"{check.title}. {check.message}")
    return plain(choice.why or choice.outdated)


def evidence(choice: AccelerationChoice, now: float) -> list[tuple[str, str]]:
    """Names with values, in reading order; only what is known."""
    check = choice.check
    rows = [("Hardware", choice.device)]
    if choice.library:
        rows.append(("Libraries", choice.library))
    if choice.driver:
        rows.append(("Driver", choice.driver))
    if choice.why:
        rows.append(("Missing", plain(choice.why)))
    if choice.command:
        rows.append(("Command", choice.command))
    if check is None:
        return [*rows, ("Check", "It was not checked yet.")]
    rows.append(("Check", plain(f"{check.title}. {check.message}")))
    if check.remedy:
        rows.append(("Remedy", plain(check.remedy)))
    if check.compared:
        rows.append(("Beside the CPU", _difference(check)))
    if check.tokens_per_second:
        rows.append(("Speed", _speeds(check)))
    if (check.library, check.driver) != (choice.library, choice.driver):
        rows.append(("Checked with", ", ".join(filter(None, (check.library, check.driver)))))
    if choice.outdated:
        rows.append(("Outdated", choice.outdated))
    return [*rows, ("Last check", f"{_moment(check.at, now)}, took {duration(check.took_s * 1000)}")]


def _difference(check: AccelerationCheck) -> str:
    if check.largest_difference < 0:
        return f"{check.compared} tokens compared; what came out were no numbers"
    return (
        f"{check.compared} tokens compared; log-probabilities differ by {check.largest_difference:.3f} at most, "
        f"{check.mean_difference:.3f} in the mean"
    )


def _speeds(check: AccelerationCheck) -> str:
    return (
        f"spark-nano {check.tokens_per_second:,.0f} tokens/s; "
        f"by the CPU at the same time {check.cpu_tokens_per_second:,.0f} tokens/s"
    )


def _moment(at: float, now: float) -> str:
    then = datetime.fromtimestamp(at)
    same_day = then.date() == datetime.fromtimestamp(now).date()
    return then.strftime("today %H:%M" if same_day else "%d %b %Y %H:%M")
