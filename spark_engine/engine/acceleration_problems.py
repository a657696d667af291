"""What acceleration has to be told of as a problem: something runs otherwise than its owner chose. Pure."""

from spark_engine.engine.ladder import is_lower
from spark_engine.types.acceleration import AUTO_CHOICE, AccelerationBackend, SteppedDown, find_choice
from spark_engine.types.health import Problem

SEE = "Open Acceleration, or see `spark acceleration list`."


def problems_of(backend: AccelerationBackend) -> tuple[Problem, ...]:
    """The standing problems of a backend."""
    lower = tuple(_stepped_down(backend, told) for told in backend.stepped_down)
    return (*_not_as_chosen(backend), *lower)


def _not_as_chosen(backend: AccelerationBackend) -> tuple[Problem, ...]:
    if backend.wish in (AUTO_CHOICE, backend.chosen) or not backend.choices or backend.switching:
        return ()
    title = f"{backend.name} models do not run as chosen"
    return (Problem(f"acceleration_{backend.id}", "warning", title, backend.why, SEE),)


def _stepped_down(backend: AccelerationBackend, told: SteppedDown) -> Problem:
    wanted = find_choice(backend, told.wanted)
    return Problem(
        f"stepped_down_{told.variant}",
        "warning",
        f"{told.variant} runs {is_lower(told)} for now",
        f"It did not stay alive by {wanted.name if wanted else told.wanted}: {told.reason} Spark tries that again "
        "after half an hour.",
        f"To try it at once: `spark acceleration use {backend.id} {backend.wish}`.",
    )
