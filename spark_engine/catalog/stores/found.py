"""A model that lies on this machine outside Spark's own folder, as its owner's files describe it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from spark_engine.types.generation import SamplingOptions
from spark_engine.types.models import ModelFormat

Environment = Mapping[str, str]


class FoundModel(Struct, frozen=True):
    """One file set. `owner` is the program it belongs to; `name` is what that program calls it. `path` is what a
    decoder opens, a folder or a file, and `format` is what the names of the files say it is. The links among its files
    may point into `roots`. `repository` (`org/name`) is where it came from, empty when nothing says so; `licence` and
    `sampling` are what the owner's files say of it."""

    owner: str
    name: str
    path: str
    format: ModelFormat
    files: tuple[str, ...]
    roots: tuple[str, ...] = ()
    repository: str = ""
    licence: str = ""
    sampling: SamplingOptions = SamplingOptions()


class Store(Protocol):
    """What the module of a program offers. `platform` is one of `sys.platform`'s words; only what lies on this
    machine is read, and what cannot be read or is not in order is left out."""

    OWNER: str

    def folders(self, home: Path, environment: Environment, platform: str) -> list[Path]:
        """The folders its models may lie in, whether they are there or not."""

    def found(self, home: Path, environment: Environment, platform: str) -> list[FoundModel]:
        """The models that lie there."""
