"""`python -m spark_engine.bench.conversion_check JOBFILE`: how well a converted model agrees with its original.

Says how it comes along in lines of JSON (`catalog/convert/job.py`). The exit status is 0 when the converted model runs.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from types import FrameType

import msgspec
import numpy as np

from spark_engine.bench.agreement import CannotScore, Scoring
from spark_engine.bench.children import Children
from spark_engine.bench.divergence import Compared as Position
from spark_engine.bench.prompts import PROMPTS
from spark_engine.catalog.background import step_back
from spark_engine.catalog.convert.job import Compared, ComparisonJob, Failed, Message, Progress
from spark_engine.types.conversions import Agreement
from spark_engine.types.models import ModelFormat, Unloaded, VariantEntry

CANARIES = PROMPTS[::3]
TOKENS = 24
"""Tokens of an answer: enough to tell rounding from damage, few enough for a large model on a slow machine."""
Tell = Callable[[Message], None]


def main(arguments: list[str]) -> int:
    """Compare what the job file names."""
    signal.signal(signal.SIGTERM, _stop)
    step_back()
    job = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=ComparisonJob)
    sink = FileIO(os.dup(1), "wb")
    os.dup2(2, 1)
    with Children() as children:
        said = checked(job, children, lambda message: _write(sink, message))
    _write(sink, said)
    return 1 if isinstance(said, Failed) else 0


def checked(job: ComparisonJob, children: Children, tell: Tell) -> Compared | Failed:
    """The agreement; Failed when the converted model does not run."""
    original = _entry("original", job.source_format, job.source)
    converted = _entry("converted", job.converted_format, job.converted)
    with tempfile.TemporaryDirectory(prefix="spark-agreement-", ignore_cleanup_errors=True) as folder:
        scoring = Scoring(Path(folder), children)
        try:
            answers = scoring.answers(original, TOKENS, _half(tell, 0.0, "asking the original"), CANARIES)
        except CannotScore as error:
            return _tried(scoring, converted, tell, str(error))
        try:
            found = scoring.compared(converted, answers, _half(tell, 0.5, "asking the converted model"))
        except CannotScore as error:
            return _does_not_run(str(error))
    return Compared(agreement(found))


def agreement(answers: list[Position]) -> Agreement:
    """The figures over all positions. An answer is the same when every one of its tokens is the converted model's best
    after those before it: then it would have written just that."""
    same = np.concatenate([one.same for one in answers])
    apart = np.concatenate([one.apart for one in answers])
    whole = sum(bool(one.same.all()) for one in answers)
    return Agreement(len(same), float(same.mean()), float(apart.mean()), len(answers), whole)


def _tried(scoring: Scoring, converted: VariantEntry, tell: Tell, reason: str) -> Compared | Failed:
    """Without the original the converted model has to answer at least."""
    try:
        scoring.answers(converted, 1, _half(tell, 0.5, "trying the converted model"), CANARIES[:1])
    except CannotScore as error:
        return _does_not_run(str(error))
    return Compared(None, reason)


def _half(tell: Tell, start: float, step: str) -> Callable[[float], None]:
    return lambda done: tell(Progress(start + done / 2, step))


def _does_not_run(reason: str) -> Failed:
    return Failed(
        "converted_does_not_run",
        "The converted model does not run",
        f"Its files were made, but Spark cannot run them: {reason}.",
        "Choose another format or quantization.",
    )


def _entry(id: str, model_format: ModelFormat, path: str) -> VariantEntry:
    return VariantEntry(f"{id}:{model_format}", model_format, "", 0, Unloaded(), path)


def _write(sink: FileIO, message: Message) -> None:
    sink.write(msgspec.json.encode(message) + b"\n")


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
