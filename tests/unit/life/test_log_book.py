"""Reading the logs back: records with their lines, rotation, parts, live lines, numbers; what runners say."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from spark_engine import logs
from spark_engine.engine.runner_log import pass_on
from spark_engine.life.log_book import LogBook
from spark_engine.life.log_lines import LogFile, parse
from spark_engine.paths import BaseDir
from spark_engine.tasks import create_task

said = logging.getLogger("spark_engine.test")


@pytest.fixture(autouse=True)
def _logging(base: BaseDir) -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    logs.setup("engine", base.logs, stderr=False)
    yield
    logs.close()
    root.setLevel(level)


@pytest.fixture
async def book(base: BaseDir) -> AsyncIterator[LogBook]:
    made = LogBook(base)
    yield made
    await made.close()


def app_said(base: BaseDir, text: str, at: str = "2031-01-01T00:00:00.000Z") -> None:
    with (base.logs / "app.log").open("a") as file:
        file.write(f"{at} app WARNING app.window: {text}\n")


async def test_records_come_back_as_they_were(book: LogBook, expect_log: Callable[[str], None]) -> None:
    expect_log("it failed")
    said.info("hello: %d", 5)
    try:
        raise ValueError("why")
    except ValueError:
        said.error("it failed", exc_info=True)
    first, second = (await book.page()).lines
    assert (first.number, first.part, first.level, first.source) == (1, "engine", "info", "spark_engine.test")
    assert first.text == "hello: 5"
    assert second.level == "error"
    assert second.text.startswith("it failed\nTraceback")
    assert second.text.endswith("ValueError: why")


async def test_parts_are_merged_by_time(base: BaseDir, book: LogBook) -> None:
    app_said(base, "long ago", "2001-01-01T00:00:00.000Z")
    app_said(base, "later")
    said.info("now")
    lines = (await book.page()).lines
    assert [(line.part, line.text) for line in lines] == [
        ("app", "long ago"), ("engine", "now"), ("app", "later"),
    ]  # fmt: skip
    assert [line.number for line in lines] == [1, 2, 3]


async def test_only_what_is_new_is_asked_for(book: LogBook) -> None:
    said.info("one")
    first = await book.page()
    said.info("two")
    second = await book.page(first.last)
    assert ([line.text for line in second.lines], second.last) == (["two"], 2)
    assert (await book.page(second.last)).lines == ()
    assert [line.text for line in (await book.page(0, limit=1)).lines] == ["two"]
    assert len((await book.page(999)).lines) == 2  # a number of an engine before this one


async def test_new_lines_arrive_while_somebody_looks_and_nothing_watches_afterwards(
    base: BaseDir, book: LogBook
) -> None:
    said.info("before")
    async with aclosing(book.follow()) as pages:
        assert [line.text for line in (await anext(pages)).lines] == ["before"]
        said.info("one")
        async with asyncio.timeout(8):
            assert [line.text for line in (await anext(pages)).lines] == ["one"]
            app_said(base, "two")
            assert [line.text for line in (await anext(pages)).lines] == ["two"]
        assert book._watching is not None
    assert book._watching is None


async def test_closing_ends_those_who_follow(book: LogBook) -> None:
    pages = book.follow()
    await anext(pages)
    closing = create_task(book.close(), name="close")
    async with asyncio.timeout(5):
        assert [page async for page in pages] == []
    await closing


async def test_nothing_is_lost_by_rotation(
    book: LogBook, monkeypatch: pytest.MonkeyPatch, base: BaseDir
) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 3000)
    logs.setup("engine", base.logs, stderr=False)
    seen: list[str] = []
    last = 0
    for number in range(200):
        said.info("line %03d", number)
        if number % 7 == 0 or number == 199:
            page = await book.page(last)
            seen += [line.text for line in page.lines]
            last = page.last
    assert seen == [f"line {n:03d}" for n in range(200)]
    assert len(list(base.logs.glob("engine.log*"))) == 1 + logs.KEPT_FILES
    assert max(file.stat().st_size for file in base.logs.glob("engine.log*")) <= 3000


def test_a_fresh_file_after_a_rotation_is_preceded_by_the_one_before(tmp_path: Path) -> None:
    head = "2031-01-01T00:00:00.000Z engine INFO x: "
    (tmp_path / "engine.log.1").write_text(f"{head}old\n")
    (tmp_path / "engine.log").write_text(f"{head}new\n{head}half")
    file = LogFile(tmp_path / "engine.log")
    assert [line.text for line in file.read_on()] == ["old", "new"]
    with (tmp_path / "engine.log").open("a") as more:
        more.write(" done\n")
    assert [line.text for line in file.read_on()] == ["half done"]
    (tmp_path / "engine.log").write_text("")
    assert file.read_on() == []
    assert LogFile(tmp_path / "none.log").read_on() == []


def test_what_is_no_record_is_no_line() -> None:
    assert parse("something\nelse\n") == []
    assert parse("2031-01-01T00:00:00.000Z kitchen INFO x: y") == []


async def test_what_runners_say_keeps_level_and_name_of_the_variant(
    book: LogBook, expect_log: Callable[[str], None]
) -> None:
    expect_log("a step failed")
    logs.set_level("debug")
    pass_on("nano:onnx-int4", "2031-01-01T00:00:00.000Z runner ERROR spark_engine.runner.x: a step failed")
    pass_on("nano:onnx-int4", "some native words")
    first, second = (await book.page()).lines
    assert (first.part, first.level, first.source) == ("runner", "error", "nano:onnx-int4")
    assert first.text == "spark_engine.runner.x: a step failed"
    assert (second.level, second.text) == ("debug", "some native words")
    logs.set_level("info")
    pass_on("nano:onnx-int4", "more native words")
    assert len((await book.page()).lines) == 2
