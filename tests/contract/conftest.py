"""Model files that the contract tests write themselves."""

from pathlib import Path

import pytest

from tests.support.decoders import write_gguf_of_4_bits, write_pytorch


@pytest.fixture(scope="session")
def pytorch_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """spark-nano as a PyTorch checkpoint."""
    return write_pytorch(tmp_path_factory.mktemp("spark-nano-pytorch"))


@pytest.fixture(scope="session")
def gguf_of_4_bits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """spark-nano as a GGUF file that Spark's own kernels compute."""
    return write_gguf_of_4_bits(tmp_path_factory.mktemp("spark-nano-gguf"))
