"""Work that does not end in time is given up, and ends if it is Python's."""

import threading
import time
from collections.abc import Iterator

import pytest

from spark_engine.errors import InvalidRequest, Unavailable
from spark_engine.runner import grammar_compile, time_limit
from spark_engine.runner.grammar_compile import MOST_UNFINISHED, within_limit
from spark_engine.runner.time_limit import TookTooLong, Unfinished, within


def for_ever() -> None:
    while True:
        pass


def deep(levels: int) -> int:
    return 0 if not levels else 1 + deep(levels - 1)


def test_results_and_errors_come_through() -> None:
    assert within(5, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)


def test_work_in_python_is_stopped() -> None:
    before = threading.active_count()
    began = time.monotonic()
    with pytest.raises(TookTooLong):
        within(0.2, for_ever)
    assert time.monotonic() - began < 3
    assert threading.active_count() == before


def test_work_that_cannot_be_stopped_is_left_behind_and_known() -> None:
    with pytest.raises(Unfinished) as left:
        within(0.1, lambda: time.sleep(0.6))
    assert left.value.thread.is_alive()
    left.value.thread.join(5)
    assert not left.value.thread.is_alive()


def test_a_stack_is_as_large_as_asked_for_and_only_there() -> None:
    before = threading.stack_size()
    assert within(5, lambda: deep(400), stack_bytes=64 * 2**20) == 400
    assert threading.stack_size() == before


def test_stacks_are_as_large_as_asked_for_when_several_begin_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before, sizes = threading.stack_size(), {}

    class Slow(threading.Thread):
        def start(self) -> None:
            time.sleep(0.02)
            sizes[threading.current_thread().name] = threading.stack_size()
            super().start()

    def one(size: int) -> threading.Thread:
        return threading.Thread(target=lambda: within(5, int, stack_bytes=size), name=str(size))

    wanted = [n * 2**20 for n in (1, 2, 4, 8)]
    threads = [one(size) for size in wanted]
    monkeypatch.setattr(time_limit.threading, "Thread", Slow)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == {str(size): size for size in wanted}
    assert threading.stack_size() == before


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(grammar_compile, "TIME_LIMIT_S", 0.1)
    yield
    for thread in list(grammar_compile._unfinished):
        thread.join(10)
    grammar_compile._unfinished.clear()


@pytest.mark.usefixtures("_short")
def test_grammars_that_take_too_long_are_refused_and_few_go_on_behind() -> None:
    for _ in range(MOST_UNFINISHED):
        with pytest.raises(InvalidRequest) as refused:
            within_limit(lambda: time.sleep(2), "grammar")
        assert (refused.value.code, refused.value.param) == ("grammar_too_complex", "grammar")
    with pytest.raises(Unavailable) as busy:
        within_limit(lambda: None, "grammar")
    assert busy.value.code == "grammars_busy"
    for thread in grammar_compile._unfinished:
        thread.join(10)
    assert within_limit(lambda: 1, "grammar") == 1


def test_a_panic_of_the_library_is_a_refusal() -> None:
    class Panic(BaseException):
        pass

    def panics() -> None:
        raise Panic("assertion failed\n<backtrace>")

    with pytest.raises(InvalidRequest) as refused:
        within_limit(panics, "grammar")
    assert refused.value.code == "bad_grammar"
    assert "backtrace" not in refused.value.message
