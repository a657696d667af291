"""What Spark's own calls answer beside the shared vocabulary."""

from msgspec import Struct

from spark_engine.config.load import Resolved
from spark_engine.types.components import ComponentEntry
from spark_engine.types.conversions import ConversionEntry
from spark_engine.types.downloads import DownloadEntry
from spark_engine.types.duplicates import DuplicateGroup
from spark_engine.types.fit import Fit
from spark_engine.types.health import HealthReport
from spark_engine.types.models import ModelEntry
from spark_engine.types.options import OptionsReport
from spark_engine.types.requests import RequestEntry
from spark_engine.types.selection import Choice
from spark_engine.types.state import EngineEvent, EngineState


class Accepted(Struct, frozen=True):
    """A command was taken; what happens then arrives as events. `id` is what it is about."""

    id: str


Models = dict[str, ModelEntry]
Requests = dict[str, RequestEntry]
Conversions = dict[str, ConversionEntry]
Freed = tuple[str, ...]
Duplicates = list[DuplicateGroup]
Downloads = dict[str, DownloadEntry]
Components = dict[str, ComponentEntry]
Settings = dict[str, Resolved]

STRUCTS = (
    Accepted,
    Choice,
    EngineState,
    EngineEvent,
    HealthReport,
    ModelEntry,
    RequestEntry,
    ComponentEntry,
    DownloadEntry,
    DuplicateGroup,
    ConversionEntry,
    OptionsReport,
    Fit,
    Resolved,
)
