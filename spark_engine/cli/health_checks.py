"""What `spark doctor` says of a running engine's health: problems below their causes, Spark's parts, its ecosystem."""

from spark_engine.cli.checks import Finding, Verdict
from spark_engine.cli.words import counted, seconds
from spark_engine.types.ecosystem import EcosystemMember, NotAsked, Reachable, SwitchedOff
from spark_engine.types.health import HealthReport, PartHealth, Problem

VERDICTS: dict[str, Verdict] = {"info": "ok", "warning": "warn", "error": "bad"}


def health_findings(health: HealthReport) -> list[Finding]:
    """A finding per problem, per part of Spark that has none, and per program of the ecosystem."""
    answers = [Finding("Answers", "ok", "Requests are answered.")] if health.ready else []
    return [
        *answers,
        *map(problem_finding, health.problems),
        *(part_finding(part) for part in health.parts),
        *map(member_finding, health.ecosystem),
    ]


def problem_finding(problem: Problem) -> Finding:
    """A problem the engine reports."""
    text = f"{problem.title}. {problem.message}".strip()
    return Finding(
        "└ because of it" if problem.under else "Health", VERDICTS[problem.severity], text, problem.remedy
    )


def part_finding(part: PartHealth) -> Finding:
    """A part of Spark; what is wrong with it stands among the problems, and is not counted twice."""
    wrong = {"warning": " (see above)", "error": " (see above)"}.get(part.state, "")
    return Finding(part.name, "ok", f"{part.facts}{wrong}")


def member_finding(member: EcosystemMember) -> Finding:
    """A program of the ecosystem; that it is not here is no fault of Spark's."""
    return Finding(member.name, "ok", "; ".join(part for part in (_where(member), _asked(member)) if part))


def _where(member: EcosystemMember) -> str:
    match member.status:
        case SwitchedOff():
            return f"not looked for (ecosystem.{member.id} is empty)"
        case NotAsked():
            return f"not asked yet at {member.address}"
        case Reachable(latency, _, detail):
            return f"answers at {member.address} in {seconds(latency / 1000)}{f', but {detail}' if detail else ''}"
        case _:
            return f"not reachable at {member.address}: {member.status.reason}"


def _asked(member: EcosystemMember) -> str:
    usage = member.usage
    if not usage.requests:
        return ""
    errors = f", {counted(usage.errors, 'error')}" if usage.errors else ""
    took = f", half within {seconds(usage.p50_ms / 1000)}, 95 % within {seconds(usage.p95_ms / 1000)}"
    return f"asked {counted(usage.requests, 'time')}{errors}{took if usage.p50_ms else ''}"
