"""The tensors of a SafeTensors or PyTorch folder, one at a time: files are mapped, not read into memory."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from spark_engine.backends.torch_errors import bad_files
from spark_engine.backends.torch_files import Checkpoint, read_tensors

PIECE_NUMBERS = 16 * 1024 * 1024
"""How many numbers are turned into float32 at once."""


class Weights:
    """Named tensors. Use as a context; Unavailable when a file is broken."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._open = ExitStack()
        self._places: dict[str, Any] = {}

    def __enter__(self) -> Self:
        if self._checkpoint.format == "pytorch":
            self._places = read_tensors(self._checkpoint)
            return self
        for file in self._checkpoint.files:
            opened = self._opened(file)
            self._places |= dict.fromkeys(opened.keys(), opened)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places = {}
        self._open.close()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor's shape, in the order of the files."""
        return {name: self._shape(name) for name in self._places}

    def tensor(self, name: str) -> Any:
        """A tensor of torch's, still in its file."""
        place = self._places[name]
        return place if self._checkpoint.format == "pytorch" else place.get_tensor(name)

    def array(self, name: str) -> NDArray[np.float32]:
        """All of a tensor."""
        found: NDArray[np.float32] = self.tensor(name).float().numpy()
        return found

    def pieces(self, name: str) -> Iterator[NDArray[np.float32]]:
        """A tensor by rows, a handful at a time."""
        tensor = self.tensor(name)
        width = max(1, tensor.numel() // max(1, tensor.shape[0]))
        rows = max(1, PIECE_NUMBERS // width)
        for start in range(0, tensor.shape[0], rows):
            yield tensor[start : start + rows].float().numpy()

    def _shape(self, name: str) -> tuple[int, ...]:
        place = self._places[name]
        found = place.shape if self._checkpoint.format == "pytorch" else place.get_slice(name).get_shape()
        return tuple(int(size) for size in found)

    def _opened(self, file: Path) -> Any:
        try:
            return self._open.enter_context(safe_open(str(file), framework="pt"))
        except (SafetensorError, OSError) as error:
            raise bad_files(file.parent, f"{file.name}: {error}") from error
