"""What Spark remembers of its components between runs: which installation was tried, and how it went."""

from pathlib import Path

from msgspec import Struct

from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record
from spark_engine.types.components import Broken, Verified


class Trial(Struct, frozen=True):
    """The outcome of the self-test of one installation, known by its fingerprint."""

    fingerprint: str
    outcome: Verified | Broken


def read_trials(base: BaseDir) -> dict[str, Trial]:
    """The trials by component id; a file that cannot be read counts as empty, for all can be tried again."""
    return read_record(_file(base), dict[str, Trial], {})


def write_trials(base: BaseDir, trials: dict[str, Trial]) -> None:
    """Write the file whole or not at all."""
    write_record(_file(base), trials)


def _file(base: BaseDir) -> Path:
    return base.state / "components.json"
