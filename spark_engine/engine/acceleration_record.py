"""What Spark remembers of acceleration between runs: what its owner chose, and how each trial went."""

import logging

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record
from spark_engine.types.acceleration import AUTO_CHOICE, AccelerationCheck

log = logging.getLogger(__name__)


class Wish(Struct, frozen=True):
    """What a backend's owner chose."""

    choice: str = AUTO_CHOICE
    strict: bool = False


class Trial(Struct, frozen=True):
    """How it went, with libraries, driver and hardware as `key` says (`acceleration_offers.Offer`)."""

    key: str
    check: AccelerationCheck


class _Kept(Struct, frozen=True):
    wishes: dict[str, Wish] = {}
    trials: dict[str, dict[str, Trial]] = {}


class Memory:
    """Wishes by backend, trials by backend and choice. A file that cannot be read counts as empty: all can be tried
    again."""

    def __init__(self, base: BaseDir) -> None:
        self._file = base.state / "acceleration.json"
        self._kept = read_record(self._file, _Kept, _Kept())

    def wish(self, backend: str) -> Wish:
        """What was chosen; `auto` where nothing was."""
        return self._kept.wishes.get(backend, Wish())

    def trial(self, backend: str, choice: str) -> Trial | None:
        """The last trial of a choice."""
        return self._kept.trials.get(backend, {}).get(choice)

    def keep_wish(self, backend: str, wish: Wish) -> None:
        """Remember a wish in place of the one before."""
        self._write(replace(self._kept, wishes=self._kept.wishes | {backend: wish}))

    def keep_trial(self, backend: str, choice: str, trial: Trial) -> None:
        """Remember a trial in place of the one before."""
        of_backend = self._kept.trials.get(backend, {}) | {choice: trial}
        self._write(replace(self._kept, trials=self._kept.trials | {backend: of_backend}))

    def _write(self, kept: _Kept) -> None:
        self._kept = kept
        try:
            write_record(self._file, kept)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._file, error)
