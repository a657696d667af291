"""Holds the engine's state and the link to it, applies events, and says which part changed."""

from PySide6.QtCore import QObject, Signal

from app.link import Connected, LinkStatus, Searching
from app.repaint import Repaint
from spark_engine.types.state import (
    AccelerationChanged,
    AppChanged,
    AppDropped,
    ComponentChanged,
    ConversionChanged,
    ConversionDropped,
    DefaultModelChanged,
    DownloadChanged,
    DownloadDropped,
    EngineEvent,
    EngineState,
    HardwareSampled,
    HealthChanged,
    MetricsSampled,
    ModelsListed,
    PhaseChanged,
    ProblemCleared,
    ProblemRaised,
    RequestChanged,
    RequestsSampled,
    ServingPaused,
    SettingsChanged,
    StateSnapshot,
    VariantChanged,
    apply_event,
)

PARTS = (
    "engine",
    "models",
    "requests",
    "components",
    "downloads",
    "conversions",
    "problems",
    "metrics",
    "hardware",
    "acceleration",
    "settings",
    "apps",
    "health",
)
_PART_OF: dict[type, tuple[str, ...]] = {
    StateSnapshot: PARTS,
    PhaseChanged: ("engine",),
    ServingPaused: ("engine",),
    DefaultModelChanged: ("models",),
    ModelsListed: ("models",),
    VariantChanged: ("models",),
    RequestChanged: ("requests",),
    RequestsSampled: ("requests",),
    SettingsChanged: ("settings",),
    AppChanged: ("apps",),
    AppDropped: ("apps",),
    HealthChanged: ("health",),
    ComponentChanged: ("components",),
    DownloadChanged: ("downloads",),
    DownloadDropped: ("downloads",),
    ConversionChanged: ("conversions",),
    ConversionDropped: ("conversions",),
    ProblemRaised: ("problems",),
    ProblemCleared: ("problems",),
    MetricsSampled: ("metrics",),
    HardwareSampled: ("hardware",),
    AccelerationChanged: ("acceleration",),
}


class Store(QObject):
    """The one copy of the state on the UI thread.

    `state` is None until the first snapshot and stays as it was last known while the engine is away. The signals
    follow at most about twenty times a second; `link_changed` comes at once, and so does `happened` with every event,
    for whoever must not miss a state between two drawings.
    """

    link_changed = Signal()
    happened = Signal(object)
    engine_changed = Signal()
    models_changed = Signal()
    requests_changed = Signal()
    components_changed = Signal()
    downloads_changed = Signal()
    conversions_changed = Signal()
    problems_changed = Signal()
    metrics_changed = Signal()
    hardware_changed = Signal()
    acceleration_changed = Signal()
    settings_changed = Signal()
    apps_changed = Signal()
    health_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state: EngineState | None = None
        self.link: LinkStatus = Searching()
        self._changed: set[str] = set()
        self._repaint = Repaint(self._tell, self)

    @property
    def live(self) -> EngineState | None:
        """The state while the engine answers, else None."""
        return self.state if isinstance(self.link, Connected) else None

    def apply(self, event: EngineEvent) -> None:
        """Take one event of the stream."""
        if isinstance(event, StateSnapshot):
            self.state = event.state
        elif self.state is not None:
            self.state = apply_event(self.state, event)
        self._changed.update(_PART_OF.get(type(event), ()))
        self._repaint.request()
        self.happened.emit(event)

    def set_link(self, link: LinkStatus) -> None:
        """The engine came, went or could not be started."""
        if link != self.link:
            self.link = link
            self.link_changed.emit()

    def flush(self) -> None:
        """Tell of everything that changed now."""
        self._repaint.flush()

    def _tell(self) -> None:
        changed, self._changed = self._changed, set()
        for part in PARTS:
            if part in changed:
                getattr(self, f"{part}_changed").emit()
