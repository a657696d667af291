"""Conversions of a model into another format: where each stands, and how well the result agrees with the original."""

from typing import Literal

from msgspec import Struct

TargetFormat = Literal["onnx", "gguf"]


class Converting(Struct, frozen=True, tag="converting"):
    """It runs in the background. `fraction` 0..1; `step` is a short phrase for people."""

    fraction: float
    step: str


class Agreement(Struct, frozen=True):
    """How the converted model answers beside its original, over `tokens` positions: the share where both have the same
    best token, the mean Kullback-Leibler divergence in nats, and how many of `canaries` short answers are the same."""

    tokens: int
    same_best: float
    divergence: float
    canaries: int = 0
    canaries_same: int = 0


class Converted(Struct, frozen=True, tag="converted"):
    """The converted model stands in the library. `agreement` is None when there was no way to compare."""

    seconds: float
    agreement: Agreement | None = None


class ConversionTarget(Struct, frozen=True):
    """What a variant can become: `id` is what that would be called, `size_bytes` about its size (0: unknown). `here`:
    it is in the library. `missing`: components it needs that are not installed. `obstacle` says in a sentence what else
    is in the way, as too little memory (empty: nothing)."""

    id: str
    format: TargetFormat
    quantization: str
    size_bytes: int = 0
    here: bool = False
    missing: tuple[str, ...] = ()
    obstacle: str = ""


class ConversionFailed(Struct, frozen=True, tag="failed"):
    """Nothing came of it; the text fields are those of `errors.SparkError`."""

    code: str
    title: str
    message: str
    remedy: str = ""
    evidence: str = ""


ConversionStatus = Converting | Converted | ConversionFailed


class ConversionEntry(Struct, frozen=True):
    """One conversion: `id` is the variant it makes, `source` the variant it is made from."""

    id: str
    source: str
    status: ConversionStatus
    started_at: float = 0.0


def agreement_words(agreement: Agreement | None) -> str:
    """How well a converted model agrees with its original, in a sentence."""
    if agreement is None:
        return "It could not be compared with its original."
    same = f"; {agreement.canaries_same} of {agreement.canaries} short answers are the same"
    return (
        f"Over {agreement.tokens:,} tokens it takes the same best token in {agreement.same_best:.1%} "
        f"(divergence {agreement.divergence:.4f} nats){same if agreement.canaries else ''}."
    )
