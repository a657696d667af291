"""Frames between engine and runner: whole, split, cut off, too large, or nonsense."""

import asyncio
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.protocol.framing import MAX_FRAME, FrameError, encode, read_from_runner, read_to_runner
from spark_engine.protocol.messages import (
    Cancel,
    Events,
    FromRunner,
    Hello,
    Load,
    LoadPlan,
    LoadProgress,
    SequenceDelta,
    SequenceFinished,
    Submit,
    ToRunner,
)
from spark_engine.types.chat import ChatMessage, ChatPrompt
from spark_engine.types.generation import GenerationRequest, TokenLogprob

REQUEST = GenerationRequest("r", "m:v", ChatPrompt((ChatMessage("user", "grüß dich"),)))
TO_RUNNER: list[ToRunner] = [Load(LoadPlan("m:v", "onnx", "path")), Submit(REQUEST), Cancel("r")]
FROM_RUNNER: list[FromRunner] = [
    Hello(1, 2),
    LoadProgress(0.5, "reading"),
    Events(
        (
            SequenceDelta("r", "é", (1, 2), (TokenLogprob(1, "é", -0.5),)),
            SequenceFinished("r", "stop", 1, 2, 0, 0.1, 0.2, 0.3),
        )
    ),
]


def reader_of(data: bytes, chunk: int | None = None) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    for start in range(0, len(data), chunk or max(1, len(data))):
        reader.feed_data(data[start : start + (chunk or len(data))])
    reader.feed_eof()
    return reader


@given(st.lists(st.sampled_from(FROM_RUNNER)), st.integers(1, 7))
def test_messages_arrive_as_sent_however_the_bytes_are_cut(messages: list[FromRunner], chunk: int) -> None:
    async def received() -> list[FromRunner]:
        reader = reader_of(b"".join(map(encode, messages)), chunk)
        found = []
        while (message := await read_from_runner(reader)) is not None:
            found.append(message)
        return found

    assert asyncio.run(received()) == messages


@pytest.mark.parametrize("message", TO_RUNNER, ids=lambda m: type(m).__name__)
def test_the_runner_reads_what_the_engine_sends(message: ToRunner) -> None:
    stream = io.BytesIO(encode(message) * 2)
    assert [read_to_runner(stream) for _ in range(3)] == [message, message, None]


@pytest.mark.parametrize("kept", range(8))
async def test_a_frame_cut_off_is_the_end(kept: int) -> None:
    assert await read_from_runner(reader_of(encode(Hello(1, 2))[:kept])) is None
    assert read_to_runner(io.BytesIO(encode(Cancel("r"))[:kept])) is None


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x80", b"not msgpack at all", encode(Cancel("r"))[4:]])
async def test_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(FrameError):
        await read_from_runner(reader_of(struct.pack("<I", len(body)) + body))


async def test_a_frame_that_claims_to_be_huge_is_refused_before_it_is_read() -> None:
    header = struct.pack("<I", MAX_FRAME + 1)
    with pytest.raises(FrameError):
        await read_from_runner(reader_of(header))
    with pytest.raises(FrameError):
        read_to_runner(io.BytesIO(header))
