"""The folder of logs stays small: an output that grows while it is written, and files that nobody writes any more."""

import os
import subprocess
import sys
import time
from pathlib import Path

from spark_engine.client.process import output_file
from spark_engine.life import log_limits
from spark_engine.life.log_limits import OUTPUT, OUTPUT_BEFORE, bound_output, bound_together
from spark_engine.paths import BaseDir

WRITER = """
import os, sys
from pathlib import Path
from spark_engine.life.log_limits import bound_output
for number in range(200):
    os.write(1 + number % 2, b"line %05d %s\\n" % (number, b"x" * 90))
    bound_output(Path(sys.argv[1]), 4000)
"""


def test_it_is_the_file_of_a_background_engine(base: BaseDir) -> None:
    assert output_file(base) == base.logs / OUTPUT


def test_an_output_that_grows_begins_anew_and_goes_on(tmp_path: Path) -> None:
    handle = os.open(tmp_path / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "wb") as output:
        subprocess.run(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=output, stderr=output, check=True
        )
    now, before = (tmp_path / name for name in (OUTPUT, OUTPUT_BEFORE))
    assert max(now.stat().st_size, before.stat().st_size) <= 4100
    lines = (before.read_bytes() + now.read_bytes()).splitlines()
    assert b"\0" not in now.read_bytes()
    numbers = [int(line.split()[1]) for line in lines]
    assert numbers == list(range(numbers[0], 200)), "the latest lines are all there, in order"


def test_a_small_or_missing_output_is_left_alone(tmp_path: Path) -> None:
    assert not bound_output(tmp_path)
    (tmp_path / OUTPUT).write_text("small")
    assert not bound_output(tmp_path)
    assert (tmp_path / OUTPUT).read_text() == "small"


def test_all_together_are_bounded_and_what_is_written_stays(tmp_path: Path) -> None:
    names = ["engine.log", "engine.log.1", "engine.log.2", "app.log", "app.log.3", OUTPUT_BEFORE, OUTPUT]
    for age, name in enumerate(names):
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (time.time() - age * 60,) * 2)
    assert bound_together(tmp_path, 700) == []
    assert bound_together(tmp_path, 450) == [OUTPUT_BEFORE, "app.log.3", "engine.log.2"]
    assert bound_together(tmp_path, 0) == ["engine.log.1"]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["app.log", OUTPUT, "engine.log"]
    assert bound_together(tmp_path / "none") == []


def test_what_bounds_itself_fits_into_the_whole() -> None:
    from spark_engine.logs import KEPT_FILES, MAX_BYTES

    assert 2 * MAX_BYTES * (1 + KEPT_FILES) + 2 * log_limits.MOST_OUTPUT <= log_limits.MOST_TOGETHER
