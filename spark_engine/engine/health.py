"""Whether Spark can answer: a pure reading of the state."""

from spark_engine.types.health import HealthReport, Problem
from spark_engine.types.models import LoadFailed, Loading, Restarting, VariantStatus
from spark_engine.types.state import EngineState, find_variant


def report(state: EngineState) -> HealthReport:
    """Every standing problem, and readiness: ready when nothing blocks."""
    problems = (*state.problems.values(), *_phase(state), *_default_model(state))
    return HealthReport(ready=not any(p.blocks for p in problems), problems=problems)


def _phase(state: EngineState) -> list[Problem]:
    if state.phase == "ready":
        return []
    return [Problem(f"engine_{state.phase}", "info", f"Spark is {state.phase}", "", "Wait a moment.", True)]


def _default_model(state: EngineState) -> list[Problem]:
    if not state.default_model:
        message = "Spark has nothing to answer with."
        remedy = "Open Models and download one."
        return [Problem("no_model", "error", "No model is installed", message, remedy, True)]
    variant = find_variant(state, state.default_model)
    return [] if variant is None else _of_status(variant.id, variant.status)


def _of_status(id: str, status: VariantStatus) -> list[Problem]:
    match status:
        case Loading(_, step):
            return [Problem("model_loading", "info", f"{id} is loading", step, "Wait a moment.", True)]
        case Restarting(_, _, reason):
            return [
                Problem("model_restarting", "warning", f"{id} is restarting", reason, "Wait a moment.", True)
            ]
        case LoadFailed(_, title, message, remedy):
            return [Problem("model_failed", "error", title, message, remedy, True)]
        case _:
            return []
