"""What the few calls that a PyTorch checkpoint may contain would make: inert descriptions of tensors."""

from typing import Any

from msgspec import Struct

from spark_engine.catalog.formats.refusal import Refused, refuse, require, shown

MOST_DIMENSIONS = 16
STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16", "LongStorage": "I64",
    "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8", "BoolStorage": "BOOL",
    "UntypedStorage": "U8",
}  # fmt: skip
DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "uint16": "U16", "uint32": "U32", "uint64": "U64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip
_TENSOR, _TENSOR_3 = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3"
_PARAMETER, _ORDERED, _SIZE = "torch._utils._rebuild_parameter", "collections.OrderedDict", "torch.Size"
ALLOWED = frozenset(
    (_TENSOR, _TENSOR_3, _PARAMETER, _ORDERED, _SIZE, "torch.storage.UntypedStorage")
    + tuple(f"torch.{name}" for name in (*STORAGES, *DTYPES) if name != "UntypedStorage")
)
"""The names of Python's that a checkpoint may use."""


class Name(Struct, frozen=True):
    """A name of Python's, never looked up."""

    name: str


class Storage(Struct, frozen=True):
    """Values of one type in the record `data/<key>`; `count` of them."""

    key: str
    type: str
    count: int


class Tensor(Struct, frozen=True):
    """A view of a storage. `last`: the index after the last value it sees."""

    storage: Storage
    type: str
    shape: tuple[int, ...]
    last: int
    elements: int


def storage(id: Any) -> Storage:
    """The storage that a persistent id names."""
    kind, made, key, _, count = id
    name = made.name.rpartition(".")[2] if isinstance(made, Name) else ""
    known = kind == "storage" and name in STORAGES and isinstance(key, str) and _is_count(count)
    require(known, "not_plain_tensors", "its values are kept in an unknown way")
    return Storage(key, STORAGES[name], count)


def called(made: Any, arguments: Any) -> Any:
    """What calling `made` would give, for the few that are known."""
    if not isinstance(made, Name) or not isinstance(arguments, tuple):
        refuse("unsafe_pickle", "it calls something that is no name")
    match made.name:
        case "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor_v3":
            return _tensor(arguments, made.name == _TENSOR_3)
        case "torch._utils._rebuild_parameter":
            require(
                bool(arguments) and isinstance(arguments[0], Tensor),
                "not_plain_tensors",
                "a parameter is no tensor",
            )
            return arguments[0]
        case "collections.OrderedDict":
            require(not arguments, "not_plain_tensors", "a dictionary is made of something")
            return {}
        case "torch.Size":
            return tuple(arguments[0]) if arguments and isinstance(arguments[0], tuple) else ()
    raise Refused("unsafe_pickle", f"it calls {shown(made.name, 80)}")


def _tensor(arguments: tuple[Any, ...], has_type: bool) -> Tensor:
    store, offset, shape, strides = arguments[:4]
    fits = (
        isinstance(store, Storage)
        and _is_count(offset)
        and isinstance(shape, tuple)
        and isinstance(strides, tuple)
    )
    require(fits, "not_plain_tensors", "a tensor is described in an unknown way")
    possible = len(shape) == len(strides) <= MOST_DIMENSIONS and all(map(_is_count, (*shape, *strides)))
    require(possible, "bad_shape", "a tensor has no possible shape")
    kind = store.type
    if has_type:
        asked = arguments[6] if len(arguments) > 6 else None
        kind = DTYPES.get(asked.name.rpartition(".")[2], "") if isinstance(asked, Name) else ""
        require(bool(kind), "not_plain_tensors", "a tensor is of an unknown type")
    elements = _product(shape)
    last = (
        offset + 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if elements
        else 0
    )
    return Tensor(store, kind, shape, last, elements)


def _product(sizes: tuple[int, ...]) -> int:
    made = 1
    for size in sizes:
        made = min(made * size, 2**62)
    return made


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**48
