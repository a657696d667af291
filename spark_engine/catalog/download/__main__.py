"""Carries a download out as a process of its own: `python -m spark_engine.catalog.download JOBFILE`.

Prints `messages.Message` as JSON, one a line. The exit status is 0 only after `Done`. SIGTERM, or the end of whoever
reads the messages, ends it at once; what was fetched is kept.
"""

import argparse
import os
import signal
import sys
import traceback
from pathlib import Path

import msgspec

from spark_engine.catalog.background import step_back
from spark_engine.catalog.download.job import read_job
from spark_engine.catalog.download.messages import Message
from spark_engine.catalog.download.run import download
from spark_engine.catalog.download.transfer import crash
from spark_engine.catalog.hub.failures import failed
from spark_engine.errors import SparkError

FAILED, NOT_A_JOB = 1, 2


def main(argv: list[str] | None = None) -> int:
    """Do the job; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m spark_engine.catalog.download", description=__doc__)
    parser.add_argument("job", type=Path, help="file with the job, as job.write_job makes it")
    file = parser.parse_args(argv).job
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(128 + number))
    step_back()
    try:
        job = read_job(file)
    except ValueError as error:
        print(error, file=sys.stderr)
        return NOT_A_JOB
    try:
        say(download(job, say))
    except SparkError as error:
        say(failed(error))
    except Exception as error:
        traceback.print_exc()
        say(failed(crash(error)))
    else:
        return 0
    return FAILED


def say(message: Message) -> None:
    """One line on stdout; when nobody reads any more, nobody wants the model."""
    try:
        os.write(1, msgspec.json.encode(message) + b"\n")
    except OSError:
        os._exit(FAILED)


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # a thread may still wait for a server
