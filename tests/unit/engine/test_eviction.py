"""Which models make room: never those that stay, never more than needed, the least missed first."""

from hypothesis import given
from hypothesis import strategies as st

from spark_engine.engine.eviction import Occupant, missed, plan

NOW = 10_000.0


def occupant(id: str, bytes: int, idle_s: float, reload_s: float = 1.0, stays: bool = False) -> Occupant:
    return Occupant(id, bytes, NOW - idle_s, reload_s, stays)


occupants_strategy = st.lists(
    st.builds(
        occupant,
        id=st.uuids().map(str),
        bytes=st.integers(0, 1000),
        idle_s=st.floats(0, 5000),
        reload_s=st.floats(0, 60),
        stays=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda o: o.id,
)


@given(occupants_strategy, st.integers(0, 3000), st.integers(0, 4000))
def test_a_plan_is_enough_and_none_too_much(occupants: list[Occupant], needed: int, budget: int) -> None:
    lacking = sum(o.bytes for o in occupants) + needed - budget
    most = sum(o.bytes for o in occupants if not o.stays)
    chosen = plan(occupants, needed, budget, NOW)
    if lacking <= 0:
        assert chosen == ()
    elif most < lacking:
        assert chosen is None
    else:
        assert chosen is not None
        by_id = {o.id: o for o in occupants}
        assert not any(by_id[id].stays for id in chosen)
        freed = [by_id[id].bytes for id in chosen]
        assert sum(freed) >= lacking
        assert all(sum(freed) - one < lacking for one in freed)


@given(occupants_strategy, st.integers(1, 3000), st.integers(0, 4000))
def test_whoever_stays_is_missed_more_than_one_who_goes_and_is_as_large(
    occupants: list[Occupant], needed: int, budget: int
) -> None:
    chosen = plan(occupants, needed, budget, NOW) or ()
    gone = [o for o in occupants if o.id in chosen]
    kept = [o for o in occupants if o.id not in chosen and not o.stays]
    for one in gone:
        assert all(missed(k, NOW) >= missed(one, NOW) for k in kept if k.bytes == one.bytes)


def test_the_longest_idle_goes_first_and_the_quickest_to_load_again() -> None:
    old, new = occupant("old", 10, 600), occupant("new", 10, 60)
    assert plan([new, old], 10, 20, NOW) == ("old",)
    slow, quick = occupant("slow", 10, 60, reload_s=30), occupant("quick", 10, 60, reload_s=1)
    assert plan([slow, quick], 10, 20, NOW) == ("quick",)


def test_one_large_model_goes_rather_than_it_and_a_small_one() -> None:
    small, large = occupant("small", 2, 900), occupant("large", 30, 300)
    assert plan([small, large], 20, 32, NOW) == ("large",)
