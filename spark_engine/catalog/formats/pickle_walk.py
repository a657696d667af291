"""Reads a pickle for the tensors it describes, and carries out nothing that it asks for.

The instructions are those that PyTorch writes; a name of Python's is only compared with a short list. Whatever is not
plain tensors under names is refused.
"""

import pickletools
from collections.abc import Callable
from typing import Any

from spark_engine.catalog.formats.pickle_tensors import ALLOWED, Name, Tensor, called, storage
from spark_engine.catalog.formats.refusal import Refused, refuse, require, shown

MOST_BYTES = 8 * 1024 * 1024


class _Mark:
    pass


def walk(data: bytes) -> dict[str, Tensor]:
    """The tensors by name. Refused when there is anything else."""
    require(len(data) <= MOST_BYTES, "header_too_large", "its description is longer than that of a model")
    machine = _Machine()
    end = _run(machine, data)
    require(end == len(data), "trailing_data", "something follows its description")
    found = machine.result()
    if not isinstance(found, dict) or not found:
        refuse("not_plain_tensors", "it does not hold named tensors")
    for name, value in found.items():
        plain = isinstance(name, str) and isinstance(value, Tensor)
        require(plain, "not_plain_tensors", f"{shown(str(name), 60)} is no plain tensor")
    return found


def _run(machine: "_Machine", data: bytes) -> int:
    try:
        for opcode, argument, place in pickletools.genops(data):
            machine.step(opcode.name, argument)
            if opcode.name == "STOP":
                return (place or 0) + 1
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise Refused("bad_pickle", f"its description is broken ({shown(str(error), 80)})") from error
    raise Refused("bad_pickle", "its description does not end")


class _Machine:
    """The stack that a pickle works on, of inert values."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Take in one instruction."""
        if name in _PUSHES:
            self._stack.append(argument)
        elif name in _MAKES:
            self._stack.append(_MAKES[name]())
        elif name in _PUTS:
            self._memo[argument] = self._stack[-1]
        elif name in _GETS:
            self._stack.append(self._memo[argument])
        else:
            method: Callable[[Any], None] | None = getattr(self, f"_do_{name.lower()}", None)
            if method is None:
                refuse(
                    "unsafe_pickle", f"its description has the instruction {name}, which no checkpoint needs"
                )
            method(argument)

    def result(self) -> Any:
        """What was made."""
        require(len(self._stack) == 1, "bad_pickle", "its description leaves something over")
        return self._stack[0]

    def _do_proto(self, version: int) -> None:
        require(version <= 5, "bad_pickle", "its description is of an unknown version")

    def _do_frame(self, size: int) -> None:
        pass

    def _do_stop(self, _: None) -> None:
        pass

    def _do_mark(self, _: None) -> None:
        self._stack.append(_Mark)

    def _do_global(self, argument: str) -> None:
        module, _, inner = argument.rpartition(" ")
        name = f"{module}.{inner}"
        require(name in ALLOWED, "unsafe_pickle", f"it asks for {shown(name, 80)}, which may run code")
        self._stack.append(Name(name))

    def _do_tuple(self, _: None) -> None:
        self._stack.append(tuple(self._to_mark()))

    def _do_tuple1(self, _: None) -> None:
        self._stack[-1:] = [(self._stack[-1],)]

    def _do_tuple2(self, _: None) -> None:
        self._stack[-2:] = [(self._stack[-2], self._stack[-1])]

    def _do_tuple3(self, _: None) -> None:
        self._stack[-3:] = [(self._stack[-3], self._stack[-2], self._stack[-1])]

    def _do_setitem(self, _: None) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set(self._stack[-1], [key, value])

    def _do_setitems(self, _: None) -> None:
        items = self._to_mark()
        self._set(self._stack[-1], items)

    def _do_append(self, _: None) -> None:
        value = self._stack.pop()
        self._list().append(value)

    def _do_appends(self, _: None) -> None:
        items = self._to_mark()
        self._list().extend(items)

    def _do_binpersid(self, _: None) -> None:
        self._stack.append(storage(self._stack.pop()))

    def _do_reduce(self, _: None) -> None:
        arguments, made = self._stack.pop(), self._stack.pop()
        self._stack.append(called(made, arguments))

    def _do_build(self, _: None) -> None:
        """State of a dictionary, as the versions of its modules; of no use here."""
        self._stack.pop()
        require(isinstance(self._stack[-1], dict), "unsafe_pickle", "it sets the state of an object")

    def _to_mark(self) -> list[Any]:
        place = len(self._stack) - 1
        while self._stack[place] is not _Mark:
            place -= 1
            if place < 0:
                raise ValueError("a mark is missing")
        items = self._stack[place + 1 :]
        del self._stack[place:]
        return items

    def _list(self) -> list[Any]:
        made = self._stack[-1]
        if not isinstance(made, list):
            raise TypeError("no list")
        return made

    def _set(self, made: Any, items: list[Any]) -> None:
        if not isinstance(made, dict) or len(items) % 2:
            raise TypeError("no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            require(isinstance(key, str | int), "not_plain_tensors", "a name in it is no text")
            require(key not in made, "duplicate_tensor", f"{shown(str(key), 60)} stands twice")
            made[key] = value


_PUSHES = frozenset(
    ("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT")
)
_MAKES: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}
_PUTS, _GETS = frozenset(("BINPUT", "LONG_BINPUT")), frozenset(("BINGET", "LONG_BINGET"))
