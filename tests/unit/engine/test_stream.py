"""The mailbox of a generation: deltas merge while the reader is slow, the end comes last and once."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from spark_engine.engine.stream import LocalStream, Mailbox
from spark_engine.tasks import create_task
from spark_engine.types.generation import Delta, Failed, Finished, Served, Started, Timings, Usage

END = Finished("stop", Usage(1, 2), Timings(), Served("m:v", "CPU"))
STARTED = Started(Served("m:v", "CPU"), 3)


async def read(mailbox: Mailbox, pause: float = 0) -> list[Delta | Finished | Failed]:
    events = []
    async for event in mailbox:
        events.append(event)
        await asyncio.sleep(pause)
    return events


async def test_deltas_merge_while_nobody_reads() -> None:
    mailbox = Mailbox()
    for number in range(100):
        mailbox.put(Delta("x", (number,)))
    mailbox.put(END)
    assert await read(mailbox) == [Delta("x" * 100, tuple(range(100))), END]


async def test_a_fast_reader_sees_each_delta_at_once() -> None:
    mailbox = Mailbox()
    reader = create_task(read(mailbox), name="read")
    for number in range(5):
        mailbox.put(Delta(str(number), (number,)))
        await asyncio.sleep(0.001)
    mailbox.put(END)
    assert await reader == [*(Delta(str(n), (n,)) for n in range(5)), END]


async def test_nothing_follows_the_end() -> None:
    mailbox = Mailbox()
    mailbox.put(END)
    mailbox.put(Failed("late", "late", "late"))
    mailbox.put(Delta("late"))
    assert await read(mailbox) == [END]


@given(st.lists(st.integers(1, 5)))
def test_no_token_is_lost_or_doubled_however_the_reader_is_paced(bursts: list[int]) -> None:
    async def run() -> None:
        mailbox, sent = Mailbox(), 0
        reader = create_task(read(mailbox), name="read")
        for burst in bursts:
            for _ in range(burst):
                mailbox.put(Delta(f"{sent} ", (sent,)))
                sent += 1
            await asyncio.sleep(0)
        mailbox.put(END)
        events = await reader
        tokens = [t for e in events if isinstance(e, Delta) for t in e.tokens]
        assert tokens == list(range(sent))
        assert events[-1] == END

    asyncio.run(run())


async def test_leaving_before_the_end_cancels_once_and_after_it_never() -> None:
    cancelled: list[int] = []
    mailbox = Mailbox()
    stream = LocalStream(STARTED, mailbox, lambda: cancelled.append(1))
    await stream.aclose()
    await stream.aclose()
    assert cancelled == [1]
    mailbox.put(END)
    await LocalStream(STARTED, mailbox, lambda: cancelled.append(2)).aclose()
    assert cancelled == [1]
