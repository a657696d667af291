"""`python -m spark_engine.bench`: a plan as a line of JSON on stdin, events as lines of JSON on stdout.

The end of stdin cancels the run: everything it has started ends before this program does.
"""

import os
import signal
import sys
import threading
from io import FileIO

import msgspec

from spark_engine.bench.agreement import run_agreement
from spark_engine.bench.children import Cancelled, Children
from spark_engine.bench.reporter import Reporter
from spark_engine.bench.speed import run_speed
from spark_engine.errors import SparkError
from spark_engine.types.bench import AgreementPlan, Done, Plan, Refused, Report

EXIT_CANCELLED, EXIT_REFUSED = 3, 1


def main() -> int:
    """Run the plan; the exit status is 0 when its report was told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Unbuffered: a thread that still waits for it must not hold up the end of this program.
    source, reporter = os.fdopen(os.dup(0), "rb", buffering=0), _reporter()
    plan: Plan = msgspec.json.decode(source.readline(), type=Plan)
    with Children() as children:
        threading.Thread(target=_cancel_at_the_end_of, args=(source, children), daemon=True).start()
        try:
            reporter.tell(Done(_run(plan, children, reporter)))
        except Cancelled:
            return EXIT_CANCELLED
        except SparkError as error:
            reporter.tell(Refused(error.code, error.title, error.message, error.remedy))
            return EXIT_REFUSED
    return 0


def _run(plan: Plan, children: Children, reporter: Reporter) -> Report:
    if isinstance(plan, AgreementPlan):
        return run_agreement(plan, children, reporter)
    return run_speed(plan, children, reporter)


def _reporter() -> Reporter:
    """stdout is for events alone, whatever a library prints."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return Reporter(sink)


def _cancel_at_the_end_of(source: FileIO, children: Children) -> None:
    while source.read(1024):
        pass
    children.close()


if __name__ == "__main__":
    sys.exit(main())
