"""Sound model files with some bytes changed: always a verdict, never a surprise, in bounded time."""

import time
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from spark_engine.catalog.formats.refusal import MOST_REASON
from spark_engine.catalog.inspect import inspect
from spark_engine.types.inspection import Inspection, Rejected
from tests.support import model_files as files
from tests.support.model_files import gguf, onnx, onnx_node, onnx_tensor, safetensors

INTERESTING = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"../",
    b"[",
    b"{",
    b'"',
    b"\xff" * 8,
    b"\0" * 8,
    b"\x01" + b"\0" * 7,
)
MOST_SECONDS = 5.0


def write_gguf(folder: Path) -> Path:
    (folder / "m.gguf").write_bytes(gguf())
    return folder / "m.gguf"


def write_safetensors(folder: Path) -> Path:
    files.write_beside(folder)
    (folder / "model.safetensors").write_bytes(safetensors())
    return folder / "model.safetensors"


def write_onnx(folder: Path) -> Path:
    branch = files.field(
        5, files.field(1, "then") + files.field(6, files.field(5, onnx_tensor("b", raw=bytes(32))))
    )
    said = {"location": "data", "offset": "0", "length": "32"}
    model = onnx(onnx_tensor(external=said), onnx_tensor("r", raw=bytes(32)), nodes=[onnx_node("If", branch)])
    files.write_genai(folder, model)
    (folder / "data").write_bytes(bytes(32))
    return folder / "model.onnx"


def write_pytorch(folder: Path) -> Path:
    files.write_beside(folder)
    (folder / "pytorch_model.bin").write_bytes(files.checkpoint())
    return folder / "pytorch_model.bin"


def write_config(folder: Path) -> Path:
    write_safetensors(folder)
    return folder / "config.json"


def write_genai_config(folder: Path) -> Path:
    write_onnx(folder)
    return folder / "genai_config.json"


def write_tokenizer(folder: Path) -> Path:
    write_safetensors(folder)
    return folder / "tokenizer.json"


WRITERS = (
    write_gguf, write_safetensors, write_onnx, write_pytorch, write_config, write_genai_config, write_tokenizer,
)  # fmt: skip


@st.composite
def changes(draw: st.DrawFn) -> list[tuple[float, int, bytes]]:
    """Where (as a fraction of the file), how many bytes give way, and to what."""
    place = st.floats(0, 1, allow_nan=False)
    inserted = st.one_of(st.sampled_from(INTERESTING), st.binary(max_size=9))
    return draw(st.lists(st.tuples(place, st.integers(0, 12), inserted), min_size=1, max_size=4))


def changed(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    for fraction, gone, put in edits:
        place = int(fraction * len(data))
        data = data[:place] + put + data[place + gone :]
    return data


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__.removeprefix("write_"))
def test_changed_files_get_a_verdict(write: Callable[[Path], Path], tmp_path: Path):
    folder = tmp_path / "model"
    folder.mkdir()
    file = write(folder)
    sound = file.read_bytes()
    assert isinstance(inspect(folder), Inspection)

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(changes())
    def check(edits: list[tuple[float, int, bytes]]) -> None:
        file.write_bytes(changed(sound, edits))
        begin = time.monotonic()
        verdict = inspect(folder)
        assert time.monotonic() - begin < MOST_SECONDS
        if isinstance(verdict, Rejected):
            assert verdict.code not in ("unreadable", "too_slow"), verdict
            assert len(verdict.reason) <= 2 * MOST_REASON + 10
        else:
            assert verdict.weights_bytes <= sum(path.stat().st_size for path in folder.iterdir())

    check()


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__.removeprefix("write_"))
def test_files_cut_off_anywhere_get_a_verdict(write: Callable[[Path], Path], tmp_path: Path):
    folder = tmp_path / "model"
    folder.mkdir()
    file = write(folder)
    sound = file.read_bytes()
    for length in range(0, len(sound), 1 + len(sound) // 400):
        file.write_bytes(sound[:length])
        verdict = inspect(folder)
        assert isinstance(verdict, Rejected) and verdict.code != "unreadable", (length, verdict)


def test_a_hostile_pickle_is_walked_in_time(tmp_path: Path):
    """A tuple of a million entries, put together again and again."""
    files.write_beside(tmp_path)
    many = b"(" + b"K\x01" * 1_000_000 + b"tq\x00"
    again = b"(h\x00h\x00h\x00h\x00t0" * 1000
    (tmp_path / "pytorch_model.bin").write_bytes(files.checkpoint(data_pkl=b"\x80\x02" + many + again + b"."))
    verdict = inspect(tmp_path)
    assert isinstance(verdict, Rejected) and verdict.code == "unsafe_pickle"


def test_quotes_without_end_are_read_in_time(tmp_path: Path):
    write_safetensors(tmp_path)
    (tmp_path / "config.json").write_text('{"a": "' + '\\"' * 4_000_000)
    begin = time.monotonic()
    verdict = inspect(tmp_path)
    assert isinstance(verdict, Rejected) and verdict.code == "bad_json"
    assert time.monotonic() - begin < MOST_SECONDS
