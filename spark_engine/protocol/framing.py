"""Frames on a byte stream: four bytes of length (little endian), then one msgpack message."""

import asyncio
import struct
from collections.abc import Callable
from typing import BinaryIO, TypeVar

import msgspec

from spark_engine.protocol.messages import FromRunner, ToRunner

_T = TypeVar("_T")
MAX_FRAME = 64 * 1024 * 1024
_LENGTH = struct.Struct("<I")
_encoder = msgspec.msgpack.Encoder()
_from_runner = msgspec.msgpack.Decoder(FromRunner)
_to_runner = msgspec.msgpack.Decoder(ToRunner)


class FrameError(Exception):
    """The other side sent what is no frame of this protocol."""


def encode(message: ToRunner | FromRunner) -> bytes:
    """One message as one frame."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


async def read_from_runner(reader: asyncio.StreamReader) -> FromRunner | None:
    """The runner's next message; None at end of file. FrameError when it is not one."""
    try:
        body = await reader.readexactly(_size(await reader.readexactly(_LENGTH.size)))
    except asyncio.IncompleteReadError:
        return None
    message: FromRunner = _decode(_from_runner.decode, body)
    return message


def read_to_runner(stream: BinaryIO) -> ToRunner | None:
    """The engine's next message, blocking; None at end of file. FrameError when it is not one."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    size = _size(header)
    body = stream.read(size)
    return _decode(_to_runner.decode, body) if len(body) == size else None


def _size(header: bytes) -> int:
    size: int = _LENGTH.unpack(header)[0]
    if size > MAX_FRAME:
        raise FrameError(f"a frame of {size} bytes; at most {MAX_FRAME} are allowed")
    return size


def _decode(decode: Callable[[bytes], _T], body: bytes) -> _T:
    try:
        return decode(body)
    except msgspec.MsgspecError as error:
        raise FrameError(str(error)) from error
