"""The outbox: text of quick steps travels together, everything else at once."""

import pytest

from spark_engine.protocol.messages import Events, FromRunner, SequenceDelta, SequenceEvent, SequenceStarted
from spark_engine.runner import outbox
from spark_engine.runner.outbox import FIRST_DELTAS, HOLD_S, QUICK_S, Outbox

QUICK = QUICK_S / 4


class Post:
    """An outbox with a clock of its own, and what it sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.sent: list[tuple[SequenceEvent, ...]] = []
        monkeypatch.setattr(outbox, "monotonic", lambda: self.now)
        self.box = Outbox(self._take)

    def _take(self, message: FromRunner) -> None:
        assert isinstance(message, Events)
        self.sent.append(message.events)

    def delta(self, id: str = "a", *, step_s: float = QUICK) -> None:
        self.now += step_s
        self.box.put([SequenceDelta(id, "x")], step_s=step_s)


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Post:
    return Post(monkeypatch)


def test_the_first_tokens_go_out_one_by_one(post: Post) -> None:
    for _ in range(FIRST_DELTAS):
        post.delta()
    assert [len(events) for events in post.sent] == [1] * FIRST_DELTAS


def test_later_ones_of_quick_steps_go_out_together_and_in_order(post: Post) -> None:
    count = 200
    for _ in range(count):
        post.delta()
    post.box.put([SequenceStarted("b", 3)])
    assert sum(len(events) for events in post.sent) == count + 1
    assert isinstance(post.sent[-1][-1], SequenceStarted)
    assert len(post.sent) <= FIRST_DELTAS + 2 + count * QUICK / HOLD_S


def test_slow_steps_are_never_held(post: Post) -> None:
    for _ in range(20):
        post.delta(step_s=QUICK_S)
    assert len(post.sent) == 20


def test_a_slow_step_takes_along_what_was_held(post: Post) -> None:
    for _ in range(FIRST_DELTAS + 2):
        post.delta()
    post.delta(step_s=1.0)
    assert sum(len(events) for events in post.sent) == FIRST_DELTAS + 3


def test_a_newcomer_does_not_wait_for_others(post: Post) -> None:
    for _ in range(FIRST_DELTAS + 2):
        post.delta("old")
    post.delta("new")
    assert post.sent[-1][-1] == SequenceDelta("new", "x")


def test_nothing_is_sent_for_nothing(post: Post) -> None:
    post.box.put([])
    assert not post.sent
