"""Writes small ONNX models in memory, whose weights may lie in files that others wrote.

Field numbers are those of onnx.proto.
"""

from collections.abc import Iterable, Mapping, Sequence

from spark_engine.backends.protobuf import field, fraction, integer

FLOAT, UINT8, INT32, INT64 = 1, 2, 6, 7
Number = int | float | Sequence[int]
_FLOAT_KIND, _INTEGER_KIND, _INTEGERS_KIND = 1, 2, 7
_OUTSIDE = 1


def node(
    operator: str, inputs: Iterable[str], outputs: Iterable[str], domain: str = "", **numbers: Number
) -> bytes:
    """An operator of a graph, with its attributes. Inputs without a name are left out."""
    told = b"".join(field(1, name.encode()) for name in inputs)
    told += b"".join(field(2, name.encode()) for name in outputs)
    told += field(4, operator.encode()) + b"".join(_attribute(*each) for each in numbers.items())
    return field(1, told + field(7, domain.encode()))


def _attribute(name: str, number: Number) -> bytes:
    if isinstance(number, float):
        told, kind = fraction(2, number), _FLOAT_KIND
    elif isinstance(number, int):
        told, kind = integer(3, number), _INTEGER_KIND
    else:
        told, kind = b"".join(integer(8, each) for each in number), _INTEGERS_KIND
    return field(5, field(1, name.encode()) + told + integer(20, kind))


def numbers(name: str, values: Sequence[int]) -> bytes:
    """An initializer of whole numbers, one line of them."""
    data = b"".join(value.to_bytes(8, "little", signed=True) for value in values)
    return field(5, integer(1, len(values)) + integer(2, INT64) + field(8, name.encode()) + field(9, data))


def outside(name: str, kind: int, sizes: Sequence[int], file: str, offset: int, length: int) -> bytes:
    """An initializer whose bytes lie in a file of the weights' folder."""
    places = {"location": file, "offset": str(offset), "length": str(length)}
    entries = b"".join(
        field(13, field(1, key.encode()) + field(2, text.encode())) for key, text in places.items()
    )
    shape = b"".join(integer(1, size) for size in sizes)
    return field(5, shape + integer(2, kind) + field(8, name.encode()) + entries + integer(14, _OUTSIDE))


def reads(name: str, kind: int, sizes: Sequence[int | str] | None = None) -> bytes:
    """An input of a graph."""
    return field(11, _value(name, kind, sizes))


def tells(name: str, kind: int, sizes: Sequence[int | str] | None = None) -> bytes:
    """An output of a graph."""
    return field(12, _value(name, kind, sizes))


def model(graph: bytes, domains: Mapping[str, int]) -> bytes:
    """A model of a graph's parts, with the versions of the domains whose operators it has."""
    versions = b"".join(
        field(8, field(1, name.encode()) + integer(2, version)) for name, version in domains.items()
    )
    return integer(1, 8) + field(7, graph + field(2, b"made by Spark")) + versions


def _value(name: str, kind: int, sizes: Sequence[int | str] | None) -> bytes:
    """`sizes`: of its dimensions, by number or by name; None: nobody knows."""
    told = integer(1, kind)
    if sizes is not None:
        told += field(2, b"".join(field(1, _size(size)) for size in sizes))
    return field(1, name.encode()) + field(2, field(1, told))


def _size(size: int | str) -> bytes:
    return integer(1, size) if isinstance(size, int) else field(2, size.encode())
