"""The files that are measured: a synthetic model, made when it is not there yet, or what is installed."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from spark_engine.bench.children import ChildEnded, Children
from spark_engine.bench.libraries import missing_for
from spark_engine.bench.prompts import PROMPTS
from spark_engine.bench.reporter import Reporter
from spark_engine.bench.synthesis.made import GGUF, ONNX, gguf_file, is_made, onnx_folder
from spark_engine.bench.synthesis.shape import SHAPES, TITLES
from spark_engine.bench.synthesis.vocabulary import words
from spark_engine.catalog.library import read_library
from spark_engine.errors import NotFound, SparkError
from spark_engine.paths import BaseDir
from spark_engine.types.bench import SpeedPlan
from spark_engine.types.ids import parse_model_ref
from spark_engine.types.models import ModelFormat, VariantEntry, is_installed

SILENCE_S = 1800.0
WORDS = sorted({word for prompt in PROMPTS for word in re.findall("[a-z]+", prompt.lower())})
"""What prompts to installed models are made of."""


class Target(Struct, frozen=True):
    """One file to measure. `words`: what prompts are made of; `shape`: which synthetic model it is, if it is one."""

    id: str
    title: str
    format: ModelFormat
    path: str
    words: list[str]
    shape: str = ""


def targets(plan: SpeedPlan, children: Children, reporter: Reporter) -> list[Target]:
    """What the plan wants measured. SparkError when there is no such thing, or it cannot be made."""
    if plan.model:
        return [
            _installed_target(variant) for variant in installed_variants(BaseDir(Path(plan.base)), plan.model)
        ]
    folder = Path(plan.cache) / plan.size
    if not is_made(folder, plan.size):
        _make(plan, folder, children, reporter)
    found, known = words(SHAPES[plan.size].vocabulary), f"{TITLES[plan.size]}, random weights"
    return [
        Target(
            f"{plan.size}:{ONNX}", f"ONNX int4 · {known}", "onnx", str(onnx_folder(folder)), found, plan.size
        ),
        Target(
            f"{plan.size}:{GGUF}", f"GGUF Q4_0 · {known}", "gguf", str(gguf_file(folder)), found, plan.size
        ),
    ]


def installed_variants(base: BaseDir, name: str) -> list[VariantEntry]:
    """The installed variants of a model, or the one that is named. NotFound when there is none."""
    try:
        ref = parse_model_ref(name)
    except ValueError:
        raise _unknown(name) from None
    model = read_library(base).get(ref.model)
    found = [v for v in (model.variants if model else ()) if is_installed(v.status) and v.format != "echo"]
    found = [v for v in found if ref.variant is None or v.id == str(ref)]
    if not found:
        raise _unknown(name)
    return found


def weight_bytes(target: Target, pythons: Iterable[str], children: Children) -> int:
    """Bytes that one token reads of the file; 0 when no Python here can tell."""
    for python in dict.fromkeys(pythons):
        child = children.start([python, "-m", "spark_engine.bench.weights_read", target.format, target.path])
        try:
            found = next(child.lines(60.0), {"bytes": 0})["bytes"]
        except ChildEnded:
            found = 0
        finally:
            children.end(child)
        if found:
            return int(found)
    return 0


def _installed_target(variant: VariantEntry) -> Target:
    title = f"{variant.format} {variant.quantization} · {variant.id}".replace("  ", " ")
    return Target(variant.id, title, variant.format, variant.path or "", WORDS)


def _make(plan: SpeedPlan, folder: Path, children: Children, reporter: Reporter) -> None:
    """Let a program of its own make the model, and pass on how it comes along."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    python = plan.python or sys.executable
    child = children.start([python, "-m", "spark_engine.bench.synthesis", str(folder), "--size", plan.size])
    try:
        for said in child.lines(SILENCE_S):
            if "missing" in said:
                raise missing_for("make the synthetic model", said["missing"], python)
            if "fraction" in said:
                reporter.step(said["fraction"], f"synthetic model: {said['text']}")
        children.check()
        if not is_made(folder, plan.size):
            raise _not_made(child.evidence)
    except ChildEnded as error:
        children.check()
        raise _not_made(str(error)) from error
    finally:
        children.end(child)


def _unknown(name: str) -> SparkError:
    return NotFound(
        "model_not_found",
        "No such model here",
        f"{name[:100]!r} is not among the installed models.",
        "`spark models list` shows what is installed.",
    )


def _not_made(evidence: str) -> SparkError:
    return SparkError(
        "synthesis_failed",
        "The synthetic model could not be made",
        evidence[-600:] or "The program that makes it ended early.",
        "It needs about 9 GB of memory and 4 GB of disk for two minutes; or measure an installed model with --model.",
    )
