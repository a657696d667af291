"""The part of Windows' registry that Spark uses, shaped as the module `winreg` is, in memory."""

from types import TracebackType
from typing import Any, Self


class Key:
    """An open key; closes with its context, as `winreg`'s handles do."""

    def __init__(self, registry: "FakeRegistry", path: str, access: int) -> None:
        self.registry, self.path, self.access = registry, path, access
        registry.open_keys.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.registry.open_keys.remove(self)


class FakeRegistry:
    """`values` of the user's keys by path and name, as (value, type)."""

    HKEY_CURRENT_USER = 0x80000001
    KEY_READ, KEY_SET_VALUE = 0x20019, 0x0002
    REG_SZ, REG_BINARY = 1, 3

    def __init__(self) -> None:
        self.values: dict[str, dict[str, tuple[Any, int]]] = {}
        self.open_keys: list[Key] = []

    def CreateKeyEx(self, key: int, sub_key: str, reserved: int = 0, access: int = 0x20006) -> Key:  # noqa: N802
        """Open a key, made if need be."""
        assert (key, reserved) == (self.HKEY_CURRENT_USER, 0)
        self.values.setdefault(sub_key, {})
        return Key(self, sub_key, access)

    def OpenKey(self, key: int, sub_key: str, reserved: int = 0, access: int = KEY_READ) -> Key:  # noqa: N802
        """Open a key that is there; FileNotFoundError."""
        assert (key, reserved) == (self.HKEY_CURRENT_USER, 0)
        if sub_key not in self.values:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return Key(self, sub_key, access)

    def QueryValueEx(self, key: Key, name: str) -> tuple[Any, int]:  # noqa: N802
        """A value and its type; FileNotFoundError."""
        self._allowed(key, self.KEY_READ)
        return self._named(key, name)

    def SetValueEx(self, key: Key, name: str, reserved: int, type: int, value: Any) -> None:  # noqa: N802
        """Write a value."""
        self._allowed(key, self.KEY_SET_VALUE)
        assert isinstance(value, str) is (type == self.REG_SZ)
        self.values[key.path][name] = (value, type)

    def DeleteValue(self, key: Key, name: str) -> None:  # noqa: N802
        """Delete a value; FileNotFoundError."""
        self._allowed(key, self.KEY_SET_VALUE)
        self._named(key, name)
        del self.values[key.path][name]

    def _named(self, key: Key, name: str) -> tuple[Any, int]:
        if name not in self.values[key.path]:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return self.values[key.path][name]

    def _allowed(self, key: Key, right: int) -> None:
        if key not in self.open_keys or key.access & right != right:
            raise PermissionError(5, "Access is denied")
