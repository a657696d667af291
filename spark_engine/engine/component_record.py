"""What Spark remembers of its components between runs: which installation was tried, and how it went."""

import logging
import os
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct

from spark_engine.paths import BaseDir
from spark_engine.types.components import Broken, Verified

log = logging.getLogger(__name__)


class Trial(Struct, frozen=True):
    """The outcome of the self-test of one installation, known by its fingerprint."""

    fingerprint: str
    outcome: Verified | Broken


def read_trials(base: BaseDir) -> dict[str, Trial]:
    """The trials by component id; a file that cannot be read counts as empty, for all can be tried again."""
    try:
        return msgspec.json.decode(_file(base).read_bytes(), type=dict[str, Trial])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("%s is ignored: %s", _file(base), error)
        return {}


def write_trials(base: BaseDir, trials: dict[str, Trial]) -> None:
    """Write the file whole or not at all."""
    base.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=base.state, prefix=".components-")
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(trials)))
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(_file(base))


def _file(base: BaseDir) -> Path:
    return base.state / "components.json"
