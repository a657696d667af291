"""How far the files of one model agree: each reads the reference's own answers, and predicts every token of them."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from spark_engine import __version__
from spark_engine.bench.children import ChildEnded, Children
from spark_engine.bench.divergence import Compared, agreement, compare
from spark_engine.bench.files import installed_variants
from spark_engine.bench.prompts import PROMPTS
from spark_engine.bench.reporter import Reporter
from spark_engine.errors import InvalidRequest, SparkError, Unavailable
from spark_engine.paths import BaseDir
from spark_engine.protocol.messages import LoadPlan
from spark_engine.types.bench import Absent, Agreement, AgreementPlan, AgreementReport
from spark_engine.types.ids import parse_model_ref
from spark_engine.types.models import VariantEntry

MOST_EXACT = ("safetensors", "pytorch")
PATIENCE_S = 900.0
CONTEXT = 4096
Tell = Callable[[float], None]


class CannotScore(Exception):
    """A variant cannot run; the text says why in a few words."""


class Answer(Struct, frozen=True):
    """The reference's answer to one prompt in tokens, and the file with its logits."""

    prompt: list[int]
    answer: list[int]
    file: str


def run_agreement(plan: AgreementPlan, children: Children, reporter: Reporter) -> AgreementReport:
    """Compare the model's variants with the reference. SparkError when there is nothing to compare."""
    variants = installed_variants(BaseDir(Path(plan.base)), plan.model)
    reference = _reference(plan, variants)
    others = [variant for variant in variants if variant.id != reference.id]
    if not others:
        raise _nothing_to_compare(reference.id)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="spark-agreement-", ignore_cleanup_errors=True) as folder:
        tell = _Progress(reporter, 1 + len(others))
        scoring = Scoring(Path(folder), children)
        try:
            answers = scoring.answers(reference, plan.tokens, tell.of(0, reference.id))
        except CannotScore as error:
            raise _no_reference(reference.id, error) from error
        found: list[Agreement] = []
        absent: list[Absent] = []
        for place, variant in enumerate(others, 1):
            try:
                found.append(
                    agreement(variant.id, scoring.compared(variant, answers, tell.of(place, variant.id)))
                )
            except CannotScore as error:
                absent.append(Absent(variant.id, variant.id, str(error)))
    return AgreementReport(__version__, at, reference.id, len(PROMPTS), tuple(found), tuple(absent))


class Scoring:
    """Lets variants predict, one after the other; logits pass through files in `folder`."""

    def __init__(self, folder: Path, children: Children) -> None:
        self._folder, self._children = folder, children

    def answers(
        self, variant: VariantEntry, tokens: int, tell: Tell, prompts: Sequence[str] = PROMPTS
    ) -> list[Answer]:
        """The variant's own answers to the prompts. CannotScore when it cannot run."""
        files = [str(self._folder / f"reference-{place}.npy") for place in range(len(prompts))]
        asked = [
            {"text": text, "tokens": tokens, "file": file} for text, file in zip(prompts, files, strict=True)
        ]
        return self._each(variant, asked, tell, lambda place, said: Answer(**said, file=files[place]))

    def compared(self, variant: VariantEntry, answers: list[Answer], tell: Tell) -> list[Compared]:
        """How the variant reads these answers. CannotScore when it cannot run."""
        file = str(self._folder / "other.npy")
        asked = [{"prompt": a.prompt, "answer": a.answer, "file": file} for a in answers]
        return self._each(
            variant, asked, tell, lambda place, _: compare(np.load(answers[place].file), np.load(file))
        )

    def _each(
        self,
        variant: VariantEntry,
        asked: list[dict[str, Any]],
        tell: Tell,
        keep: Callable[[int, dict[str, Any]], Any],
    ) -> list[Any]:
        """What is to be kept of everything asked of a variant in a process of its own."""
        child = self._children.start([sys.executable, "-m", "spark_engine.bench.contestants.scoring"])
        kept = []
        try:
            plan = LoadPlan(variant.id, variant.format, variant.path or "", context=CONTEXT, slots=1)
            _checked(child.ask({"plan": msgspec.to_builtins(plan)}, PATIENCE_S))
            for place, one in enumerate(asked):
                tell(place / len(asked))
                (said,) = _checked(child.ask({"streams": [one]}, PATIENCE_S))["measured"]
                kept.append(keep(place, said))
        except ChildEnded as error:
            self._children.check()
            raise CannotScore(str(error)) from error
        finally:
            self._children.end(child)
        return kept


class _Progress:
    """Tells how far all variants are together."""

    def __init__(self, reporter: Reporter, variants: int) -> None:
        self._reporter, self._variants = reporter, variants

    def of(self, place: int, id: str) -> Tell:
        """For the variant at this place."""
        return lambda done: self._reporter.step((place + done) / self._variants, f"{id} predicts")


def _reference(plan: AgreementPlan, variants: list[VariantEntry]) -> VariantEntry:
    """The named one; else one whose weights nobody has rounded, else the largest file."""
    if plan.reference:
        (found,) = installed_variants(BaseDir(Path(plan.base)), _full_id(plan))[:1]
        return found
    return max(variants, key=lambda v: (v.format in MOST_EXACT, v.size_bytes))


def _full_id(plan: AgreementPlan) -> str:
    """The reference's id, also when only its variant is named."""
    named = plan.reference
    return named if ":" in named else f"{parse_model_ref(plan.model).model}:{named}"


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "missing" in answer:
        raise CannotScore(f"not installed ({answer['missing']})")
    if "failed" in answer:
        raise CannotScore(answer["failed"])
    return answer


def _nothing_to_compare(reference: str) -> InvalidRequest:
    return InvalidRequest(
        "nothing_to_compare",
        "There is only one file",
        f"Of this model only {reference} is installed; agreement is between two files.",
        "Install another variant of the model; `spark models show` lists them.",
    )


def _no_reference(id: str, error: Exception) -> SparkError:
    return Unavailable(
        "reference_failed",
        "The reference cannot run",
        f"{id}: {error}.",
        "Choose another with --reference, or install what it needs: `spark backends list`.",
    )
