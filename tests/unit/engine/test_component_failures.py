"""What pip prints when it fails becomes one sentence with the remedy that fits."""

import pytest

from spark_engine.engine.component_failures import SETTLED, cuda_refused, pip_failure
from spark_engine.engine.component_list import COMPONENTS

GGUF = next(c for c in COMPONENTS if c.id == "gguf")
UNREACHABLE = """WARNING: Retrying (Retry(total=0)) after connection broken by 'ProxyError('Cannot connect to proxy.')'
ERROR: Could not find a version that satisfies the requirement llama-cpp-python==0.3.36 (from versions: none)
ERROR: No matching distribution found for llama-cpp-python==0.3.36"""
NOT_OFFERED = """ERROR: Could not find a version that satisfies the requirement torch==2.13.0 (from versions: 2.1, 2.2)
ERROR: No matching distribution found for torch==2.13.0"""
FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
NO_CXX = "CMake Error: CMAKE_CXX_COMPILER not set, after EnableLanguage\nerror: subprocess-exited-with-error"


@pytest.mark.parametrize(
    ("output", "code", "remedy"),
    [
        (UNREACHABLE, "no_network", "proxy"),
        (NOT_OFFERED, "no_wheel", "Python"),
        (FULL, "no_disk_space", "Free some space"),
        (NO_CXX, "no_compiler", "build-essential"),
    ],
)
def test_each_cause_has_its_remedy(output: str, code: str, remedy: str):
    broken = pip_failure(GGUF, output)
    assert broken.code == code
    assert remedy in broken.remedy
    assert broken.evidence
    assert broken.code in SETTLED, "a safer build would fail the same way"


def test_a_failed_compilation_is_worth_another_flavour():
    broken = pip_failure(
        GGUF, "x.cpp:1: error: no\n  error: metadata-generation-failed\nERROR: Failed building wheel."
    )
    assert broken.code == "install_failed"
    assert broken.code not in SETTLED
    assert "Failed building wheel" in broken.message


def test_the_missing_library_is_named():
    assert "torch==2.13.0" in pip_failure(GGUF, NOT_OFFERED).message


def test_the_evidence_is_short():
    assert len(pip_failure(GGUF, "x" * 100_000).evidence) <= 2000


def test_cuda_is_refused_with_its_size():
    assert "2.8 GB" in cuda_refused(GGUF, 15, 2_800_000_000).message
    assert "several GB" in cuda_refused(GGUF, 15, None).message
