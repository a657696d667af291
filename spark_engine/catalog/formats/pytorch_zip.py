"""The archive of a PyTorch checkpoint: its list of records, each stored as it is, in a place of its own."""

import struct
from typing import Any

from msgspec import Struct

from spark_engine.catalog.formats.names import is_safe_name
from spark_engine.catalog.formats.refusal import Refused, refuse, require, shown
from spark_engine.catalog.formats.source import Source

MAGIC = b"PK\x03\x04"
MOST_RECORDS = 100_000
MOST_LIST = 32 * 1024 * 1024
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_EXTRA = struct.Struct("<2H")
_ENCRYPTED = 1
_IN_EXTRA, _MANY = 0xFFFFFFFF, 0xFFFF
_SIZES64 = 1


class Record(Struct, frozen=True):
    """`size` bytes of content at `start`; `header` is where what stands before it begins."""

    name: str
    header: int
    start: int
    size: int


class _Listed(Struct, frozen=True):
    name: bytes
    size: int
    header: int


def read_records(source: Source) -> dict[str, Record]:
    """The records by their names within the archive's one folder. Refused when anything is out of order."""
    begin, size, count = _list_place(source)
    require(count <= MOST_RECORDS and size <= MOST_LIST, "too_many_records", "it lists more than a model has")
    source.seek(begin)
    listed = _read_list(source.read(size), count)
    records = [_record(source, entry, begin) for entry in listed]
    _check_places(records)
    return _named(records)


def _list_place(source: Source) -> tuple[int, int, int]:
    """Where the list begins, its length, its number of entries. It ends right before what tells so."""
    require(source.size >= _END.size, "truncated", "it is too short for an archive")
    place = source.size - _END.size
    source.seek(place)
    sign, disk, other, here, count, size, begin, comment = source.unpack(_END)
    plain = sign == b"PK\x05\x06" and disk == other == 0 and here == count and comment == 0
    require(plain, "bad_archive", "it does not end as an archive does")
    if place >= _LOCATOR.size + _END64.size and _is_64(source, place):
        place, begin, size, count = _list_place64(source, place)
    require(begin + size == place, "bad_archive", "its list of records is not where it says")
    return begin, size, count


def _is_64(source: Source, place: int) -> bool:
    source.seek(place - _LOCATOR.size)
    return source.read(4) == b"PK\x06\x07"


def _list_place64(source: Source, place: int) -> tuple[int, int, int, int]:
    source.seek(place - _LOCATOR.size)
    _, disk, where, disks = source.unpack(_LOCATOR)
    require(
        disk == 0 and disks == 1 and where == place - _LOCATOR.size - _END64.size,
        "bad_archive",
        "it is in parts",
    )
    source.seek(where)
    sign, length, _, _, disk, other, here, count, size, begin = source.unpack(_END64)
    plain = sign == b"PK\x06\x06" and length == _END64.size - 12 and disk == other == 0 and here == count
    require(plain, "bad_archive", "it does not end as an archive does")
    return where, begin, size, count


def _read_list(data: bytes, count: int) -> list[_Listed]:
    found, place = list[_Listed](), 0
    for _ in range(count):
        entry, place = _listed(data, place)
        found.append(entry)
    require(place == len(data), "bad_archive", "its list of records has more than it says")
    return found


def _listed(data: bytes, place: int) -> tuple[_Listed, int]:
    require(place + _ENTRY.size <= len(data), "truncated", "its list of records is cut off")
    fields: tuple[Any, ...] = _ENTRY.unpack_from(data, place)
    sign, _, _, flags, method, _, _, _, packed, size, name_size, extra_size, comment_size, disk = fields[:14]
    header = fields[16]
    require(sign == b"PK\x01\x02" and disk == 0, "bad_archive", "its list of records is broken")
    require(not flags & _ENCRYPTED, "encrypted", "it is encrypted")
    names = place + _ENTRY.size
    end = names + name_size + extra_size + comment_size
    require(end <= len(data), "truncated", "its list of records is cut off")
    extra = data[names + name_size : names + name_size + extra_size]
    size, packed, header = _with_extra(extra, size, packed, header)
    require(method == 0 and size == packed, "compressed", "it has compressed records, as no checkpoint has")
    return _Listed(data[names : names + name_size], size, header), end


def _with_extra(extra: bytes, *values: int) -> tuple[int, int, int]:
    """The values, those that were too large for their fields from the extra one."""
    wide = _extra_of(extra, _SIZES64)
    made, place = list[int](), 0
    for value in values:
        if value == _IN_EXTRA:
            require(place + 8 <= len(wide), "bad_archive", "a size is missing in its list of records")
            value = int.from_bytes(wide[place : place + 8], "little")
            place += 8
        made.append(value)
    return made[0], made[1], made[2]


def _extra_of(extra: bytes, kind: int) -> bytes:
    place = 0
    while place + _EXTRA.size <= len(extra):
        number, size = _EXTRA.unpack_from(extra, place)
        place += _EXTRA.size
        if number == kind:
            return extra[place : place + size]
        place += size
    return b""


def _record(source: Source, entry: _Listed, most: int) -> Record:
    """What the list says, held against what stands before the content."""
    require(entry.header + _LOCAL.size <= most, "truncated", "a record lies behind the end")
    source.seek(entry.header)
    sign, _, _, method, _, _, _, packed, size, name_size, extra_size = source.unpack(_LOCAL)
    require(sign == MAGIC and method == 0, "bad_archive", "a record does not begin where its list says")
    same = name_size == len(entry.name) and source.read(name_size) == entry.name
    sizes_agree = {packed, size} <= {0, _IN_EXTRA, entry.size}
    require(same and sizes_agree, "bad_archive", "a record is not the one its list says")
    start = source.place + extra_size
    require(start + entry.size <= most, "truncated", "a record ends behind the end")
    return Record(_text(entry.name), entry.header, start, entry.size)


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise Refused("unsafe_path", "the name of a record is no text") from error


def _check_places(records: list[Record]) -> None:
    expected = 0
    for record in sorted(records, key=lambda record: record.header):
        require(record.header >= expected, "overlap", f"{shown(record.name, 60)} lies over another record")
        expected = record.start + record.size
    first = min((record.header for record in records), default=-1)
    require(first == 0, "bad_archive", "something stands before its first record")


def _named(records: list[Record]) -> dict[str, Record]:
    """By the names below the one folder that all lie in."""
    named: dict[str, Record] = {}
    roots = {record.name.partition("/")[0] for record in records}
    for record in records:
        if not is_safe_name(record.name):
            refuse("unsafe_path", f"the record {shown(record.name, 60)!r} has no safe name")
        name = record.name.partition("/")[2]
        require(bool(name) and len(roots) == 1, "bad_archive", "its records do not lie in one folder")
        require(name not in named, "duplicate_record", f"{shown(name, 60)} stands twice")
        named[name] = record
    return named
