"""Asked before a download whose model needs a component that is not installed: that too, or the model alone?"""

from app.dashboard.context import Context
from app.widgets.confirmation import Confirmation
from spark_engine.types.components import ComponentEntry, Installing
from spark_engine.types.quantities import size


class DownloadQuestion(Confirmation):
    """Begins the download as it was answered."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._actions = context.actions
        self._model, self._component = "", ""
        self.confirmed.connect(self._both)
        self.otherwise.connect(lambda: self._actions.download(self._model, load=False))

    def begin(self, model: str, name: str, component: ComponentEntry | None) -> None:
        """Download `model` (called `name` for people); ask first where it needs `component`."""
        if component is None or isinstance(component.status, Installing):
            self._actions.download(model)
            return
        self._model, self._component = model, component.id
        room = f" {size(component.download_bytes)}" if component.download_bytes else ""
        question = (
            f"{name} runs with the component “{component.name}”, which is not installed. Install it too?"
        )
        self.ask(question, f"Download, and install{room}", "Cancel", other="Download only")

    def _both(self) -> None:
        self._actions.install(self._component)
        self._actions.download(self._model)


def needs_words(component: ComponentEntry, what: str = "It") -> str:
    """What is said beforehand of `what` is to be downloaded."""
    room = f" ({size(component.download_bytes)} more to download)" if component.download_bytes else ""
    return f"{what} runs with the component “{component.name}”, which is not installed{room}."
