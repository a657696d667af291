"""What the runner tells the engine: at once, but for the text of very quick steps, which goes out together."""

from collections import Counter
from collections.abc import Callable, Sequence
from time import monotonic

from spark_engine.protocol.messages import Events, FromRunner, SequenceDelta, SequenceEvent

HOLD_S = 0.008
QUICK_S = 0.004
FIRST_DELTAS = 4


class Outbox:
    """Events on their way. A small model takes a fraction of a millisecond for a token; waking the engine, and its
    reader, for each would cost more than the token."""

    def __init__(self, send: Callable[[FromRunner], None]) -> None:
        self._send = send
        self._held: list[SequenceEvent] = []
        self._told: Counter[str] = Counter()
        self._sent_at = 0.0

    def put(self, events: Sequence[SequenceEvent], *, step_s: float = 1.0) -> None:
        """Send events, or hold text a little if the next step is as quick as this one, which took `step_s`."""
        self._held += events
        if not self._held or (step_s < QUICK_S and self._may_wait(events)):
            return
        events, self._held, self._sent_at = tuple(self._held), [], monotonic()
        self._send(Events(events))

    def _may_wait(self, events: Sequence[SequenceEvent]) -> bool:
        """Whether these are all text, not the first of their sequences, and something was sent just now."""
        for event in events:
            if not isinstance(event, SequenceDelta):
                self._told.pop(event.id, None)
                return False
            self._told[event.id] += 1
        early = any(self._told[event.id] <= FIRST_DELTAS for event in events)
        return not early and monotonic() - self._sent_at < HOLD_S
