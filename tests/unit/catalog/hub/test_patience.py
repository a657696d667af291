"""How long is waited between tries, when it is given up, and what the hub's refusals mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.catalog.hub.failures import Interrupted, refusal, transient
from spark_engine.catalog.hub.patience import Patience, persist
from spark_engine.errors import NotAllowed, NotFound, SparkError, Unavailable

PATIENCE = Patience(tries=4, first_delay_s=1, most_delay_s=8, longest_ask_s=60)


@given(st.integers(1, 5000), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_pauses_grow_and_stay_bounded(fruitless: int, chance: float, asked: float | None):
    pause = PATIENCE.delay(fruitless, asked, chance)
    assert 0.5 <= pause <= (8 if asked is None else 60)
    if asked is not None:
        assert pause >= min(asked, 60)


def test_pauses_double():
    assert [PATIENCE.delay(n, chance=1) for n in (1, 2, 3, 4, 5)] == [1, 2, 4, 8, 8]
    assert PATIENCE.delay(3, chance=0) == 2


def test_it_is_tried_as_long_as_patience_lasts():
    tried, waited = [], []

    def attempt() -> str:
        tried.append(1)
        if len(tried) < 4:
            raise Interrupted("cut", retry_after=3.0 if len(tried) == 2 else None)
        return "here"

    assert persist(PATIENCE, attempt, lambda s, t: waited.append((s, t))) == "here"
    assert [t for _, t in waited] == ["cut"] * 3
    assert waited[1][0] >= 3


@pytest.mark.parametrize(("tries", "expected"), [(None, 4), (2, 2)])
def test_then_the_last_trouble_is_told(tries: int | None, expected: int):
    tried = []

    def attempt() -> None:
        tried.append(1)
        raise Interrupted("cut", Unavailable("code", "title", "message"), tries=tries)

    with pytest.raises(Unavailable, match="message"):
        persist(PATIENCE, attempt, lambda s, t: None)
    assert len(tried) == expected


@pytest.mark.parametrize(
    ("status", "code", "with_token", "family", "expected"),
    [
        (401, "GatedRepo", False, NotAllowed, "repository_gated"),
        (403, "GatedRepo", True, NotAllowed, "repository_gated"),
        (401, "", True, NotAllowed, "hub_token_refused"),
        (401, "", False, NotAllowed, "repository_gated"),
        (401, "RepoNotFound", False, NotFound, "repository_not_found"),
        (404, "RepoNotFound", False, NotFound, "repository_not_found"),
        (404, "", False, NotFound, "repository_not_found"),
        (404, "RevisionNotFound", False, NotFound, "revision_not_found"),
        (404, "EntryNotFound", False, NotFound, "hub_file_not_found"),
        (429, "", False, Unavailable, "hub_busy"),
        (503, "", False, Unavailable, "hub_refused"),
        (418, "", False, Unavailable, "hub_refused"),
    ],
)
def test_refusals_in_words(status: int, code: str, with_token: bool, family: type[SparkError], expected: str):
    error = refusal(status, code, "org/name", "file", with_token=with_token)
    assert type(error) is family and error.code == expected
    assert error.title and error.message and "hf_" not in str(error)


def test_what_may_pass():
    assert [s for s in range(400, 600) if transient(s)] == [408, 425, 429, 500, 502, 503, 504]
