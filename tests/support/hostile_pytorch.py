"""Hostile and broken PyTorch checkpoints: why each is refused, and how it is written into a folder."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

from tests.support import model_files as files
from tests.support.model_files import CONFIG, zipped

Write = Callable[[Path], object]


def torch_file(data: bytes, name: str = "pytorch_model.bin") -> Write:
    return lambda folder: (files.write_beside(folder) / name).write_bytes(data)


def torch_records(**changed: bytes) -> Write:
    return torch_file(files.checkpoint(**changed))


def pickled(data: bytes) -> Write:
    return torch_records(data_pkl=data)


def patched(data: bytes, place: int, layout: str, *values: int) -> bytes:
    """Some numbers of an archive changed; a `place` below 0 counts from the end."""
    made = bytearray(data)
    struct.pack_into(layout, made, place if place >= 0 else len(made) + place, *values)
    return bytes(made)


def archive(place: int, layout: str, *values: int) -> Write:
    return torch_file(patched(GOOD, place, layout, *values))


def wide(locator_at: int = 0, sign: bytes = b"PK\x06\x06") -> Write:
    """An archive of the kind for many records."""
    size, count = len(GOOD) - 22 - LISTED, 4
    long = sign + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, count, count, size, LISTED)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, LISTED + size + locator_at, 1)
    return torch_file(GOOD[:-22] + long + locator + GOOD[-22:])


NAMED = b"\x80\x02}X\x01\x00\x00\x00w"
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x08tQ"
TENSOR, TENSOR_3 = b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._utils\n_rebuild_tensor_v3\n"
GOOD = files.checkpoint()
LISTED = GOOD.index(b"PK\x01\x02")
PYTORCH: dict[str, tuple[str, Write]] = {
    "a pickle that runs code": ("unsafe_pickle", pickled(files.hostile_pickle())),
    "a newer pickle that runs code": ("unsafe_pickle", pickled(files.hostile_pickle(4))),
    "a pickle of a program": ("unsafe_pickle", pickled(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.")),
    "a name with a space in it": ("unsafe_pickle", pickled(b"\x80\x02ctorch _utils\n_rebuild_tensor_v2\n.")),
    "an object with state": ("unsafe_pickle", pickled(b"\x80\x02ccollections\nOrderedDict\n}b.")),
    "an instruction to build": ("unsafe_pickle", pickled(b"\x80\x02(icollections\nOrderedDict\n.")),
    "a call of what is no name": ("unsafe_pickle", pickled(b"\x80\x02})R.")),
    "a type that is called": ("unsafe_pickle", pickled(b"\x80\x02ctorch\nFloatStorage\n)R.")),
    "a list": ("not_plain_tensors", pickled(b"\x80\x02].")),
    "nothing named": ("not_plain_tensors", pickled(b"\x80\x02}.")),
    "a number among the tensors": ("not_plain_tensors", pickled(b"\x80\x02}X\x01\x00\x00\x00aK\x01s.")),
    "a pickle without end": ("bad_pickle", pickled(files.described()[:-1])),
    "a pickle that takes from nothing": ("bad_pickle", pickled(b"\x80\x02s.")),
    "a pickle with a missing mark": ("bad_pickle", pickled(b"\x80\x02t.")),
    "a pickle that gets what was not put": ("bad_pickle", pickled(b"\x80\x02h\x07.")),
    "a text of 4 GiB": ("bad_pickle", pickled(b"\x80\x02X\xff\xff\xff\xffx.")),
    "something behind the pickle": ("trailing_data", pickled(files.described() + b"\x80\x02.")),
    "a description of nine mebibytes": ("header_too_large", pickled(bytes(9 * 2**20))),
    "a storage that is none": ("not_plain_tensors", pickled(files.described().replace(b"storage", b"storagx", 1))),
    "a tensor of no storage": ("not_plain_tensors", pickled(NAMED + TENSOR + b"(NK\x00))tRs.")),
    "a tensor of an unknown type": (
        "not_plain_tensors",
        pickled(NAMED + TENSOR_3 + b"(" + STORAGE + b"K\x00))\x89NNtRs."),
    ),
    "a tensor of too little": ("bad_pickle", pickled(NAMED + TENSOR + b")Rs.")),
    "a parameter of no tensor": ("not_plain_tensors", pickled(NAMED + b"ctorch._utils\n_rebuild_parameter\n)Rs.")),
    "a dictionary made of a list": (
        "not_plain_tensors",
        pickled(b"\x80\x02ccollections\nOrderedDict\n]\x85R" + files.described()[3:-2] + b"s."),
    ),
    "a name that is a tuple": ("not_plain_tensors", pickled(b"\x80\x02})K\x01s.")),
    "a tensor that stands twice": ("duplicate_tensor", pickled(b"\x80\x02}K\x01K\x01sK\x01K\x01s.")),
    "something left over": ("bad_pickle", pickled(files.described()[:2] + b"N" + files.described()[2:])),
    "a pickle of version 6": ("bad_pickle", pickled(b"\x80\x06" + files.described()[2:])),
    "values that are missing": ("missing_tensor", pickled(files.described(key="7"))),
    "values by a path": ("missing_tensor", pickled(files.described(key="../version"))),
    "values of another size": ("size_mismatch", torch_records(**{"data/0": bytes(31)})),
    "a view behind its values": ("truncated", pickled(files.described(shape=(9, 2)))),
    "a view that begins behind its values": ("truncated", pickled(files.described(offset=8))),
    "a shape of 2**50": ("bad_shape", pickled(files.described(shape=(2**50,)))),
    "twenty dimensions": ("bad_shape", pickled(files.described(shape=(1,) * 20))),
    "numbers the other way round": ("big_endian", torch_records(byteorder=b"big")),
    "a program": ("torchscript", torch_file(zipped({"data.pkl": files.described(), "code/x.py": b""}))),
    "constants of a program": ("torchscript", torch_records(constants_pkl=b"")),
    "a second pickle": ("unsafe_pickle", torch_records(other_pkl=b"\x80\x02.")),
    "no description": ("bad_archive", torch_file(zipped({"x": b""}))),
    "an archive of nothing": ("bad_archive", torch_file(b"PK\x03\x04" + zipped({}))),
    "a record above the folder": ("unsafe_path", torch_file(zipped({"data.pkl": b"", "../../x": b""}))),
    "a record by an absolute path": ("unsafe_path", torch_file(zipped({"data.pkl": b"", "/x": b""}))),
    "a record with backslashes": ("unsafe_path", torch_file(zipped({"data.pkl": b"", "..\\x": b""}))),
    "two records of one name": (
        "duplicate_record",
        torch_file(zipped([("data.pkl", b""), ("data.pkl", files.hostile_pickle())])),
    ),
    "records in two folders": ("bad_archive", torch_file(zipped({"a/data.pkl": b"", "b/data.pkl": b""}, root=""))),
    "compressed records": ("compressed", torch_file(GOOD[: LISTED + 10] + b"\x08" + GOOD[LISTED + 11 :])),
    "encrypted records": ("encrypted", torch_file(GOOD[: LISTED + 8] + b"\x01" + GOOD[LISTED + 9 :])),
    "one record over another": (
        "overlap",
        torch_file(
            GOOD[:18] + bytes(8) + GOOD[26 : LISTED + 20] + struct.pack("<II", 300, 300) + GOOD[LISTED + 28 :]
        ),
    ),
    "a record of four gibibytes": (
        "bad_archive",
        torch_file(GOOD[: LISTED + 20] + struct.pack("<II", 2**32 - 2, 2**32 - 2) + GOOD[LISTED + 28 :]),
    ),
    "an archive on two disks": ("bad_archive", archive(-18, "<H", 1)),
    "a comment behind the archive": ("bad_archive", torch_file(patched(GOOD, -2, "<H", 5) + b"12345")),
    "an archive that says it has a comment": ("bad_archive", archive(-2, "<H", 5)),
    "a list that is elsewhere": ("bad_archive", torch_file(GOOD[:-22] + bytes(5) + GOOD[-22:])),
    "a list with more than it says": ("bad_archive", archive(-14, "<2H", 3, 3)),
    "a list with less than it says": ("truncated", archive(-14, "<2H", 5, 5)),
    "a list that is none": ("bad_archive", archive(LISTED, "<I", 7)),
    "a list with a long comment": ("truncated", archive(LISTED + 32, "<H", 60_000)),
    "a size that is nowhere": ("bad_archive", archive(LISTED + 20, "<2I", 2**32 - 1, 2**32 - 1)),
    "a record behind the end": ("truncated", archive(LISTED + 42, "<I", 2**31)),
    "a record that does not begin": ("bad_archive", archive(LISTED + 42, "<I", 4)),
    "a record that is compressed after all": ("bad_archive", archive(8, "<H", 8)),
    "a record under two names": ("bad_archive", archive(30, "<B", 65)),
    "a record longer than the archive": (
        "truncated",
        torch_file(patched(patched(GOOD, 18, "<2I", 0, 0), LISTED + 20, "<2I", 2**31, 2**31)),
    ),
    "an archive inside another": (
        "bad_archive",
        torch_file(zipped({"data.pkl": files.described(), "data/0": bytes(32)}, before=b"PK\x03\x04 something")),
    ),
    "a long archive that is elsewhere": ("bad_archive", wide(locator_at=1)),
    "a long archive that does not begin": ("bad_archive", wide(sign=b"PK\x06\x05")),
    "something before the archive": ("not_pytorch", torch_file(b"#!/bin/sh\n" + GOOD)),
    "something behind the archive": ("bad_archive", torch_file(GOOD + b"x")),
    "an archive cut off": ("bad_archive", torch_file(GOOD[:-30])),
    "only the beginning of an archive": ("truncated", torch_file(b"PK\x03\x04")),
    "a pickle without an archive": ("legacy_pickle", torch_file(files.hostile_pickle())),
    "a pointer of git-lfs": ("not_downloaded", torch_file(b"version https://git-lfs.github.com/spec/v1\noid sha256:0")),
    "an HDF5 file": ("unsupported_format", torch_file(b"\x89HDF\r\n")),
    "a text": ("not_pytorch", torch_file(b"just text")),
    "code of its own": (
        "remote_code",
        lambda folder: [
            torch_file(GOOD)(folder),
            (folder / "config.json").write_text(json.dumps(CONFIG | {"auto_map": {"AutoModel": "m.M"}})),
            (folder / "m.py").write_text("raise SystemExit"),
        ],
    ),
}  # fmt: skip
