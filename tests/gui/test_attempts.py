"""How long to wait before the engine is started again, and when to stop trying."""

from app.attempts import Attempts


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_delays_double_and_the_fifth_attempt_in_a_minute_is_refused() -> None:
    attempts = Attempts(Clock())
    assert [attempts.next_delay() for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, None]


def test_old_attempts_are_forgiven() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(4):
        attempts.next_delay()
    clock.now = 61.0
    assert attempts.next_delay() == 0.5


def test_somebody_asking_starts_afresh() -> None:
    attempts = Attempts(Clock())
    for _ in range(5):
        attempts.next_delay()
    attempts.forget()
    assert attempts.next_delay() == 0.5
