"""Memory bandwidth: a figure that a machine can have, also from the program that measures it."""

import subprocess
import sys

import msgspec

from spark_engine.hardware.bandwidth import Measurement, fingerprint, read_bandwidth


def test_bandwidth_is_that_of_memory_and_not_of_a_cache() -> None:
    assert 0.5e9 < read_bandwidth(1) < 300e9


def test_the_program_prints_one_measurement_of_this_machine() -> None:
    command = [sys.executable, "-m", "spark_engine.hardware.bandwidth"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    measured = msgspec.json.decode(done.stdout, type=Measurement)
    assert measured.machine == fingerprint()
    assert 0.5e9 < measured.bytes_per_second < 3e12
