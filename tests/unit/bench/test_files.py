"""What is measured: installed variants by name, the refusal of others, and how many bytes a token reads of a file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spark_engine.bench.files import installed_variants
from spark_engine.bench.weights_read import gguf_bytes, onnx_bytes, safetensors_bytes
from spark_engine.errors import NotFound
from spark_engine.paths import BaseDir
from tests.support.decoders import gguf_file, onnx_folder, safetensors_folder


def test_a_model_means_all_its_installed_variants(base: BaseDir) -> None:
    assert {v.id for v in installed_variants(base, "spark-nano")} == {
        "spark-nano:onnx-int4", "spark-nano:gguf-q8_0", "spark-nano:safetensors",
    }  # fmt: skip


def test_a_variant_means_itself(base: BaseDir) -> None:
    assert [v.id for v in installed_variants(base, "spark-nano:gguf-q8_0")] == ["spark-nano:gguf-q8_0"]


@pytest.mark.parametrize("name", ["phi-4-mini", "unheard-of", "spark-nano:x", "../etc", ""])
def test_what_is_not_here_is_refused(base: BaseDir, name: str) -> None:
    with pytest.raises(NotFound):
        installed_variants(base, name)


def test_a_token_reads_all_weights_of_a_file_whose_embedding_is_also_the_output() -> None:
    folder = safetensors_folder()
    size = (folder / "model.safetensors").stat().st_size
    assert 0.95 * size < safetensors_bytes(folder) < size
    assert 0.97 * gguf_file().stat().st_size < gguf_bytes(gguf_file()) <= gguf_file().stat().st_size


def test_a_table_beside_an_output_of_its_own_does_not_count(tmp_path: Path) -> None:
    tensors = {"model.embed_tokens.weight": [0, 1000], "lm_head.weight": [1000, 2000], "layer": [2000, 2100]}
    described = {name: {"dtype": "F32", "shape": [], "data_offsets": ends} for name, ends in tensors.items()}
    header = json.dumps({"__metadata__": {"format": "pt"}, **described}).encode()
    (tmp_path / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(2100))
    assert safetensors_bytes(tmp_path) == 1100


def test_of_an_onnx_file_the_matrices_count_and_the_rotary_tables_do_not() -> None:
    pytest.importorskip("onnx")
    data = sum(file.stat().st_size for file in onnx_folder().glob("model.onnx*"))
    assert 0.2 * data < onnx_bytes(onnx_folder()) < data


def test_what_cannot_be_told_is_nothing_and_no_failure(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spark_engine.bench.weights_read", "onnx", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == {"bytes": 0}
