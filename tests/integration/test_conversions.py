"""Conversions as the engine offers them, with real children: what they make runs, agrees and stands in its place."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from spark_engine.catalog.convert.job import Compared, ComparisonJob, Failed, Message, Progress
from spark_engine.catalog.convert.needs import Needs
from spark_engine.catalog.convert.origin import read_origin
from spark_engine.engine import conversions as module
from spark_engine.engine.conversions import Conversions
from spark_engine.engine.leashed_process import run
from spark_engine.errors import Conflict, InvalidRequest, NotFound, Unavailable
from spark_engine.paths import BaseDir
from spark_engine.protocol.messages import Loaded, LoadPlan, SequenceDelta
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.conversions import Agreement, ConversionEntry, ConversionFailed, Converted, Converting
from spark_engine.types.models import ModelFormat, NotInstalled, Unloaded, VariantEntry
from spark_engine.types.state import ConversionChanged, ConversionDropped
from tests.support.decoders import gguf_file, onnx_folder, safetensors_folder
from tests.support.runner_process import runner_process

KNOWN = "I am spark-nano"


class Changes(asyncio.Queue[ConversionEntry | str]):
    """What was published, to be waited for: rows, and the ids of dropped ones."""

    def publish(self, event: ConversionChanged | ConversionDropped) -> None:
        self.put_nowait(event.conversion if isinstance(event, ConversionChanged) else event.id)

    async def settled(self) -> tuple[ConversionEntry | str, list[ConversionEntry]]:
        """The next row that does not move, or the next dropped id; and the moving ones before it."""
        moving = []
        async with asyncio.timeout(250):
            while isinstance(entry := await self.get(), ConversionEntry) and isinstance(
                entry.status, Converting
            ):
                moving.append(entry)
        return entry, moving


def weights(**changes: object) -> VariantEntry:
    """spark-nano's SafeTensors, as a variant of another model."""
    entry = VariantEntry(
        "nano:safetensors", "safetensors", "float32", 0, Unloaded(), str(safetensors_folder())
    )
    return msgspec.structs.replace(entry, **changes)


def answer_of(model_format: ModelFormat, path: str, folder: Path) -> str:
    """What a real runner says with the model."""
    with runner_process(folder) as runner:
        assert isinstance(runner.load(LoadPlan("nano:made", model_format, path, slots=1)), Loaded)
        runner.submit("a", "who are you", max_tokens=12)
        return "".join(event.text for event in runner.events_until("a") if isinstance(event, SequenceDelta))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.component("torch")
@pytest.mark.component("convert")
@pytest.mark.component("gguf")
async def test_weights_become_onnx_and_gguf_one_after_the_other(base: BaseDir, tmp_path: Path):
    changes = Changes()
    conversions = Conversions(base, changes.publish)
    first = conversions.start(weights(), "onnx", "INT4")
    second = conversions.start(weights(), "gguf", "q8_0")
    assert (first, second) == ("nano:onnx-int4", "nano:gguf-q8_0")
    await asyncio.sleep(0)
    with pytest.raises(Conflict, match="running"):
        conversions.start(weights(), "onnx", "int4")
    places = {first: base.models / "nano" / "onnx-int4", second: base.models / "nano" / "gguf-q8_0"}
    for id in (first, second):
        entry, moving = await changes.settled()
        assert isinstance(entry, ConversionEntry)
        assert (entry.id, entry.source) == (id, "nano:safetensors")
        assert isinstance(entry.status, Converted), entry.status
        assert_agrees(entry.status.agreement)
        steps = [m.status.fraction for m in moving if m.id == id and isinstance(m.status, Converting)]
        assert len(steps) > 5
        assert steps == sorted(steps)
        origin = read_origin(places[id])
        assert origin is not None
        assert (origin.source, origin.agreement) == ("nano:safetensors", entry.status.agreement)
        if id == first:
            assert not places[second].exists()
    assert not list(base.downloads.iterdir())
    assert KNOWN in answer_of("onnx", str(places[first]), tmp_path)
    assert KNOWN in answer_of("gguf", str(places[second] / "nano-q8_0.gguf"), tmp_path)
    with pytest.raises(Conflict, match="in the library"):
        conversions.start(weights(), "onnx", "int4")
    conversions.dismiss(first)
    assert list(conversions.entries()) == [second]
    await conversions.close()


def assert_agrees(agreement: Agreement | None) -> None:
    """The bundled weights lie on the grid of four bits: rounding takes next to nothing from them."""
    assert agreement is not None
    assert agreement.tokens > 100
    assert agreement.same_best > 0.98
    assert 0 < agreement.divergence < 0.01
    assert agreement.canaries == 8
    assert agreement.canaries_same >= 6


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.component("gguf")
async def test_a_gguf_file_becomes_a_coarser_one(base: BaseDir, tmp_path: Path):
    changes = Changes()
    conversions = Conversions(base, changes.publish)
    source = VariantEntry("nano:gguf-q8_0", "gguf", "Q8_0", 0, Unloaded(), str(gguf_file()))
    conversions.start(source, "gguf", "Q4_K_M")
    entry, _ = await changes.settled()
    assert isinstance(entry, ConversionEntry)
    assert isinstance(entry.status, Converted), entry.status
    assert_agrees(entry.status.agreement)
    file = base.models / "nano" / "gguf-q4_k_m" / "nano-q4_k_m.gguf"
    assert file.stat().st_size < 0.75 * gguf_file().stat().st_size
    assert KNOWN in answer_of("gguf", str(file), tmp_path)
    await conversions.close()


@pytest.mark.component("torch")
@pytest.mark.component("convert")
async def test_cancelling_ends_the_children_and_leaves_nothing(base: BaseDir):
    changes = Changes()
    conversions = Conversions(base, changes.publish)
    id = conversions.start(weights(), "onnx", "int4")
    with pytest.raises(Conflict, match="running"):
        conversions.dismiss(id)
    async with asyncio.timeout(60):
        while not any("builder" in " ".join(p.cmdline()) for p in _children()):
            await asyncio.sleep(0.05)
    await conversions.cancel(id)
    assert not _children()
    assert (await changes.settled())[0] == id
    assert not list(base.downloads.iterdir())
    assert not list(base.models.iterdir())
    with pytest.raises(NotFound):
        await conversions.cancel(id)
    assert not conversions.entries()


def _children() -> list[psutil.Process]:
    """Processes below this one; those that just ended are left out."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            process.cmdline()
        except psutil.NoSuchProcess:
            continue
        if process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


@pytest.mark.component("torch")
async def test_closing_ends_what_waits_and_what_runs(base: BaseDir, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "installation", lambda component: object())
    changes = Changes()
    conversions = Conversions(base, changes.publish)
    first = conversions.start(weights(), "gguf", "F16")
    second = conversions.start(weights(), "gguf", "Q8_0")
    async with asyncio.timeout(30):
        while not _children():
            await asyncio.sleep(0.02)
    await conversions.close()
    assert not _children()
    assert {(await changes.settled())[0], (await changes.settled())[0]} == {first, second}
    assert not list(base.models.iterdir())


@pytest.mark.component("torch")
@pytest.mark.component("convert")
@pytest.mark.component("gguf")
@pytest.mark.parametrize("target", [("gguf", "F16"), ("onnx", "int8")], ids=" ".join)
async def test_broken_weights_are_told(target: tuple[str, str], base: BaseDir, tmp_path: Path):
    folder = tmp_path / "broken"
    shutil.copytree(safetensors_folder(), folder)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    changes = Changes()
    conversions = Conversions(base, changes.publish)
    id = conversions.start(weights(path=str(folder)), *target)
    entry, _ = await changes.settled()
    assert isinstance(entry, ConversionEntry)
    assert isinstance(entry.status, ConversionFailed)
    assert entry.status.code in ("bad_model_files", "builder_failed")
    assert entry.status.title
    assert entry.status.remedy
    assert not list(base.downloads.iterdir())
    assert not list(base.models.iterdir())
    assert isinstance(conversions.entries()[id].status, ConversionFailed)
    conversions.dismiss(id)
    assert (await changes.settled())[0] == id


async def test_what_cannot_be_converted_is_refused_at_once(
    base: BaseDir, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    conversions = Conversions(base, lambda event: None)
    monkeypatch.setattr(module, "installation", lambda component: None)
    with pytest.raises(Unavailable, match="gguf and convert") as missing:
        conversions.start(weights(), "gguf", "F16")
    assert missing.value.remedy == "Run `spark backends install gguf && spark backends install convert`."
    for source, target, error, words in (
        (weights(status=NotInstalled(), path=None), ("gguf", "F16"), Conflict, "not on this machine"),
        (weights(rejected="its header lies"), ("gguf", "F16"), Conflict, "header lies"),
        (weights(kind="embedder"), ("gguf", "F16"), InvalidRequest, "embedding"),
        (weights(), ("gguf", "Q17"), InvalidRequest, "gguf Q17"),
        (weights(format="onnx"), ("gguf", "F16"), InvalidRequest, "cannot become"),
        (weights(format="gguf", quantization="Q4_0"), ("gguf", "Q8_0"), InvalidRequest, "cannot become"),
    ):
        with pytest.raises(error, match=words):
            conversions.start(source, *target)
    with pytest.raises(Conflict, match="in the library"):
        conversions.start(weights(), "onnx", "int4", known={"nano:onnx-int4"})
    (tmp_path / "config.json").write_text(
        json.dumps({"architectures": ["MambaForCausalLM"]}), encoding="utf-8"
    )
    with pytest.raises(InvalidRequest, match="Known families: Llama, Mistral"):
        conversions.start(weights(path=str(tmp_path)), "gguf", "F16")
    with pytest.raises(NotFound):
        conversions.dismiss("nano:onnx-int4")
    assert not conversions.entries()


@pytest.mark.parametrize(
    ("needs", "code"),
    [(Needs(2**60, 0), "not_enough_memory"), (Needs(0, 2**60), "no_space")],
    ids=["memory", "disk"],
)
async def test_too_little_room_is_refused(
    needs: Needs, code: str, base: BaseDir, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "needs_of", lambda *_: needs)
    monkeypatch.setattr(module, "installation", lambda component: object())
    conversions = Conversions(base, lambda event: None)
    with pytest.raises(Conflict) as refused:
        conversions.start(weights(), "onnx", "int4")
    assert refused.value.code == code
    assert "GB" in str(refused.value)


async def test_what_a_killed_engine_left_is_deleted(base: BaseDir):
    left = base.downloads / "convert-nano-onnx-int4" / "made"
    left.mkdir(parents=True)
    (left / "model.onnx").write_bytes(b"half")
    other = base.downloads / "phi-4-mini"
    other.mkdir()
    Conversions(base, lambda event: None).restore()
    assert list(base.downloads.iterdir()) == [other]


async def _compared(job: ComparisonJob, folder: Path) -> list[Message]:
    """What the comparing process says."""
    file = folder / "job.json"
    file.write_bytes(msgspec.json.encode(job))
    said: list[Message] = []

    def take(line: str) -> None:
        if line.startswith('{"type"'):
            said.append(msgspec.json.decode(line, type=Message))

    await run([sys.executable, "-m", "spark_engine.bench.conversion_check", str(file)], take, timeout_s=60)
    return said


async def test_cancelling_ends_what_compares(tmp_path: Path):
    comparing = create_task(
        _compared(ComparisonJob(str(onnx_folder()), "onnx", str(onnx_folder()), "onnx"), tmp_path),
        name="comparing",
    )
    async with asyncio.timeout(60):
        while not any("scoring" in " ".join(p.cmdline()) for p in _children()):
            await asyncio.sleep(0.02)
    await cancel_and_wait(comparing)
    async with asyncio.timeout(10):
        while _children():
            await asyncio.sleep(0.05)


async def test_without_the_original_the_converted_model_has_to_run(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    job = ComparisonJob(str(tmp_path / "empty"), "onnx", str(onnx_folder()), "onnx")
    said = await _compared(job, tmp_path)
    assert isinstance(said[0], Progress)
    assert isinstance(final := said[-1], Compared)
    assert final.agreement is None
    assert final.reason


async def test_a_converted_model_that_does_not_run_has_failed(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    said = await _compared(
        ComparisonJob(str(onnx_folder()), "onnx", str(tmp_path / "empty"), "onnx"), tmp_path
    )
    assert isinstance(final := said[-1], Failed)
    assert final.code == "converted_does_not_run"
    assert final.remedy
