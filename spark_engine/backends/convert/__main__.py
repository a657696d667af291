"""`python -m spark_engine.backends.convert JOBFILE`: makes a model's files in another format.

Says how it comes along in lines of JSON (`catalog/convert/job.py`); what libraries print goes to stderr. The exit
status is 0 when the files are there.
"""

import errno
import os
import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import msgspec

from spark_engine.backends import device_env
from spark_engine.catalog.background import step_back
from spark_engine.catalog.convert.job import ConversionJob, Done, Failed, Message, Progress
from spark_engine.errors import SparkError

_NO_SPACE = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def main(arguments: list[str]) -> int:
    """Do the job that the file describes."""
    device_env.prepare(os.environ)
    step_back()
    tell = _teller()
    job = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=ConversionJob)
    said = outcome(job, lambda fraction, step: tell(Progress(round(fraction, 4), step)))
    tell(said)
    return 0 if isinstance(said, Done) else 1


def outcome(job: ConversionJob, progress: Callable[[float, str], None]) -> Done | Failed:
    """What came of the job; an unforeseen failure is left to leave its trace on stderr."""
    from spark_engine.backends.convert.work import convert

    try:
        return convert(job, progress)
    except SparkError as error:
        return Failed(error.code, error.title, error.message, error.remedy)
    except ModuleNotFoundError as error:
        return Failed(
            "component_missing",
            "A component is missing",
            f"The library {error.name} is not installed.",
            "Run `spark backends install convert`.",
        )
    except MemoryError:
        return Failed(
            "not_enough_memory",
            "The memory ran out",
            "The conversion needed more memory than was free.",
            "Unload models, close other programs, and convert again.",
        )
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        return Failed(
            "no_space",
            "Not enough disk space",
            "The disk filled up during the conversion.",
            "Free some space, then convert again.",
        )


def _teller() -> Callable[[Message], None]:
    """Writes messages to what was stdout, which libraries from now on share with stderr."""
    sink = FileIO(os.dup(1), "wb")
    os.dup2(2, 1)
    return lambda message: _write(sink, message)


def _write(sink: FileIO, message: Message) -> None:
    sink.write(msgspec.json.encode(message) + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
