"""Loaded models for tests that run decoders, scheduler and prompts in their own process."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import pytest

from spark_engine.paths import resources
from spark_engine.protocol.messages import (
    LoadPlan,
    SequenceDelta,
    SequenceEvent,
    SequenceFailed,
    SequenceFinished,
)
from spark_engine.runner.grammar_form import Form
from spark_engine.runner.intake import Intake
from spark_engine.runner.model import Model
from spark_engine.runner.scheduler import Scheduler
from spark_engine.types.generation import GenerationRequest, TokenLogprob
from spark_engine.types.models import ModelFormat

ANOTHER_ONNX_MODEL = "ONNX_MODEL_UNDER_TEST"


def onnx_folder() -> Path:
    """spark-nano as ONNX, or the folder that the environment names; skips the test where there is none."""
    folder = Path(os.environ.get(ANOTHER_ONNX_MODEL) or resources() / "spark_nano" / "onnx-int4")
    if not (folder / "genai_config.json").is_file():
        pytest.skip(f"no ONNX model at {folder}")
    return folder


def safetensors_folder() -> Path:
    """spark-nano as SafeTensors; skips the test where it is not there."""
    folder = resources() / "spark_nano" / "safetensors"
    if not (folder / "model.safetensors").is_file():
        pytest.skip(f"no SafeTensors model at {folder}")
    return folder


def gguf_file() -> Path:
    """spark-nano as GGUF; skips the test where it is not there."""
    file = resources() / "spark_nano" / "gguf-q8_0" / "spark-nano-q8_0.gguf"
    if not file.is_file():
        pytest.skip(f"no GGUF model at {file}")
    return file


def write_pytorch(folder: Path, source: Path | None = None, name: str = "pytorch_model.bin") -> Path:
    """A SafeTensors folder, by default spark-nano's, as a PyTorch checkpoint written into `folder`."""
    import torch
    from safetensors.torch import load_file

    source = source or safetensors_folder()
    folder.mkdir(exist_ok=True)
    for file in (*source.glob("*.json"), *source.glob("*.jinja")):
        shutil.copy(file, folder)
    torch.save(load_file(source / "model.safetensors"), folder / name)
    return folder


def write_gguf_of_4_bits(folder: Path) -> Path:
    """spark-nano as llama.cpp itself makes 4 bits of it, in `folder`: its table, which is also its head, has 6."""
    from spark_engine.backends.convert.llama_quantizer import quantize

    file = folder / "spark-nano-q4_0.gguf"
    quantize(gguf_file(), file, "Q4_0", 2, lambda done: None)
    return file


def path_of(request: pytest.FixtureRequest) -> str:
    """Where the model of a test's parameter lies when a fixture writes it; empty for `load_model` to find it."""
    written = {"pytorch": "pytorch_folder", "gguf-q4_0": "gguf_of_4_bits"}.get(request.param)
    return str(request.getfixturevalue(written)) if written else ""


Decoding = ModelFormat | Literal["genai", "gguf-q4_0"]
_FOLDERS: dict[Decoding, Callable[[], Path]] = {
    "onnx": onnx_folder,
    "genai": onnx_folder,
    "gguf": gguf_file,
    "safetensors": safetensors_folder,
}


def load_model(
    decoding: Decoding, *, slots: int = 8, context: int = 1024, path: str = "", kernels: bool = True
) -> Model:
    """Load spark-nano or the echo in this process; `genai` is the ONNX model under onnxruntime-genai, `gguf-q4_0` a
    file that `path` names, under Spark's own kernels."""
    where = path or (str(_FOLDERS[decoding]()) if decoding in _FOLDERS else "")
    model_format: ModelFormat
    match decoding:
        case "genai":
            model_format = "onnx"
        case "gguf-q4_0":
            model_format = "gguf"
        case _:
            model_format = decoding
    device = "genai:cpu" if decoding == "genai" else "cpu"
    plan = LoadPlan("test:model", model_format, where, device, context=context, slots=slots, kernels=kernels)
    return Model.load(plan, lambda step: None)


class Told:
    """What the events said about one sequence."""

    def __init__(self) -> None:
        self.text = ""
        self.tokens: list[int] = []
        self.logprobs: list[TokenLogprob] = []
        self.first_step = -1
        self.end: SequenceFinished | SequenceFailed | None = None

    def take(self, event: SequenceEvent, step: int) -> None:
        if isinstance(event, SequenceDelta):
            self.text += event.text
            self.tokens += event.tokens
            self.logprobs += event.logprobs
            self.first_step = step if self.first_step < 0 else self.first_step
        elif isinstance(event, (SequenceFinished, SequenceFailed)):
            assert self.end is None, "a sequence ended twice"
            self.end = event


class Bench:
    """A model under its scheduler, stepped by hand."""

    def __init__(self, model: Model) -> None:
        for slot in range(model.decoder.max_slots):  # what an earlier scheduler left behind
            model.decoder.free(slot)
        self.model, self.intake = model, Intake(model)
        self.scheduler = Scheduler(model.decoder, model.vocabulary, model.kv)
        self.told: dict[str, Told] = {}

    def submit(self, request: GenerationRequest) -> None:
        self.told[request.id] = Told()
        sequence, form = self.intake.begin(request), Form.of(request)
        if form is not None:
            sequence.sampler.constraint = self.intake.compile(form)()
        self.scheduler.submit(sequence)

    def cancel(self, id: str) -> None:
        if (event := self.scheduler.cancel(id)) is not None:
            self.told[id].take(event, self.scheduler.steps)

    def step(self) -> list[SequenceEvent]:
        events = self.scheduler.step()
        for event in events:
            self.told[event.id].take(event, self.scheduler.steps)
        return events

    def run(
        self, requests: Iterable[GenerationRequest] = (), before_step: Callable[[], None] = lambda: None
    ) -> None:
        """Submit `requests` and step until nothing is left."""
        for request in requests:
            self.submit(request)
        while not self.scheduler.is_idle:
            before_step()
            self.step()
