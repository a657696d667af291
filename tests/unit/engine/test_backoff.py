"""The restart budget: growing pauses, four in a minute at most, a fresh start when asked."""

from spark_engine.engine.backoff import WITHIN_S, RestartBudget


def test_pauses_double_and_the_fifth_restart_within_a_minute_is_refused() -> None:
    budget = RestartBudget()
    assert [budget.next_delay(float(now)) for now in range(5)] == [0.5, 1.0, 2.0, 4.0, None]


def test_quiet_time_gives_the_budget_back() -> None:
    budget = RestartBudget()
    for now in range(4):
        budget.next_delay(float(now))
    assert budget.next_delay(4 + WITHIN_S) == 0.5


def test_asking_for_a_new_try_forgets_the_past() -> None:
    budget = RestartBudget()
    for now in range(5):
        budget.next_delay(float(now))
    budget.reset()
    assert budget.next_delay(5.0) == 0.5
