"""Restarting the engine: at once while nothing runs; else what would break off is said, and people choose."""

from app.dashboard.context import Context
from app.widgets.confirmation import Confirmation
from app.words import counted
from spark_engine.types.conversions import Converting
from spark_engine.types.requests import is_active
from spark_engine.types.state import EngineState


class RestartQuestion(Confirmation):
    """`want()` is what a button does. Somebody who waits for the answers still may choose otherwise meanwhile."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context, self._waits = context, False
        self.confirmed.connect(self._restart)
        self.declined.connect(self._forget)
        self.otherwise.connect(self._wait)
        store = context.store
        for signal in (store.requests_changed, store.conversions_changed, store.link_changed):
            signal.connect(self._look)

    def want(self) -> None:
        """Restart, or ask first."""
        state = self._context.store.live
        losses = losses_of(state) if state else ""
        if losses:
            self.ask(
                f"{losses} Restart the engine all the same?", "Restart now", "Cancel", "When they are done"
            )
        else:
            self._restart()

    def _restart(self) -> None:
        self._waits = False
        self.hide()
        self._context.actions.restart_engine()

    def _wait(self) -> None:
        self._waits = True
        self.ask("The engine restarts as soon as nothing runs.", "Restart now", "Cancel")

    def _forget(self) -> None:
        self._waits = False

    def _look(self) -> None:
        """Nothing is lost any more: whoever waits has it done, and whoever was asked need not choose."""
        state = self._context.store.live
        if state is None:
            self._waits = False
            self.hide()
        elif self._waits and not losses_of(state):
            self._restart()


def losses_of(state: EngineState) -> str:
    """What a restart would break off, in a sentence; empty: nothing."""
    answers = sum(is_active(request) for request in state.requests.values())
    made = sum(isinstance(conversion.status, Converting) for conversion in state.conversions.values())
    said = [f"{counted(answers, 'answer', 'answers')} would break off"] if answers else []
    said += [f"{counted(made, 'conversion', 'conversions')} would begin anew"] if made else []
    return f"{' and '.join(said)}." if said else ""
