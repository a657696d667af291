"""What Spark's own calls answer beside the shared vocabulary."""

from msgspec import Struct

from spark_engine.config.load import Resolved
from spark_engine.types.components import ComponentEntry
from spark_engine.types.health import HealthReport
from spark_engine.types.models import ModelEntry
from spark_engine.types.requests import RequestEntry
from spark_engine.types.state import EngineEvent, EngineState


class Accepted(Struct, frozen=True):
    """A command was taken; what happens then arrives as events. `id` is what it is about."""

    id: str


Models = dict[str, ModelEntry]
Requests = dict[str, RequestEntry]
Components = dict[str, ComponentEntry]
Settings = dict[str, Resolved]

STRUCTS = (
    Accepted,
    EngineState,
    EngineEvent,
    HealthReport,
    ModelEntry,
    RequestEntry,
    ComponentEntry,
    Resolved,
)
