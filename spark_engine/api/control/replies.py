"""What Spark's own calls answer beside the shared vocabulary."""

from msgspec import Struct

from spark_engine.types.acceleration import AccelerationBackend
from spark_engine.types.apps import AppEntry
from spark_engine.types.components import ComponentEntry
from spark_engine.types.conversions import ConversionEntry, ConversionTarget
from spark_engine.types.downloads import DownloadEntry
from spark_engine.types.duplicates import DuplicateGroup, DuplicateSearch
from spark_engine.types.fit import Fit
from spark_engine.types.hardware import HardwareHistory, HardwareReading
from spark_engine.types.health import HealthReport
from spark_engine.types.hub import RepositoryOffer, TokenReport
from spark_engine.types.logs import LogPage
from spark_engine.types.models import ModelEntry
from spark_engine.types.options import OptionsReport
from spark_engine.types.requests import RequestPage
from spark_engine.types.selection import Choice
from spark_engine.types.settings import SettingEntry
from spark_engine.types.state import EngineEvent, EngineState


class Accepted(Struct, frozen=True):
    """A command was taken; what happens then arrives as events. `id` is what it is about."""

    id: str


Models = dict[str, ModelEntry]
Conversions = dict[str, ConversionEntry]
Targets = tuple[ConversionTarget, ...]
Freed = tuple[str, ...]
Duplicates = list[DuplicateGroup]
Downloads = dict[str, DownloadEntry]
Components = dict[str, ComponentEntry]
Settings = dict[str, SettingEntry]
Apps = dict[str, AppEntry]
Acceleration = dict[str, AccelerationBackend]

STRUCTS = (
    AccelerationBackend,
    Accepted,
    AppEntry,
    Choice,
    EngineState,
    EngineEvent,
    HardwareHistory,
    HardwareReading,
    HealthReport,
    ModelEntry,
    LogPage,
    RequestPage,
    SettingEntry,
    ComponentEntry,
    DownloadEntry,
    DuplicateGroup,
    DuplicateSearch,
    ConversionEntry,
    ConversionTarget,
    RepositoryOffer,
    TokenReport,
    OptionsReport,
    Fit,
)
