"""Whether a model fits into memory and how fast it will be, told from its facts alone. Pure."""

from msgspec import Struct

from spark_engine.catalog.holding import HOLDINGS
from spark_engine.types.fit import Fit, FitVerdict
from spark_engine.types.inspection import Inspection
from spark_engine.types.models import ModelEntry, ModelFormat, ModelKind, VariantEntry

CONTEXT_STEP = 256
HEAD_SIZE = 128
TYPICAL_TOKENS = 512
"""Of a sequence whose decode speed is told."""
_CACHE_ELEMENT = 2
_LEAST_BYTES, _UNQUANTIZED_BYTES = 0.5, 1.9
"""Of each parameter: with the fewest bits there are, and without any quantization."""
_FULL = ("float32", "F32", "f32")
_WIDE_CACHE = (*_FULL, "Q4_0")
"""GGUF files whose cache has 32 bits: unrounded ones, and those that Spark's own kernels may compute."""


class Facts(Struct, frozen=True):
    """What memory and speed depend on. `kv_bytes_per_token`: of a cache in 16 bits; `context`: the most the model has;
    0 is unknown everywhere, and then guessed from the number of parameters."""

    format: ModelFormat
    weights_bytes: int
    kind: ModelKind = "generator"
    parameters: int = 0
    quantization: str = ""
    context: int = 0
    layers: int = 0
    hidden: int = 0
    vocabulary: int = 0
    kv_bytes_per_token: int = 0


def facts_of(inspection: Inspection) -> Facts:
    """What a model's own files say."""
    return Facts(
        format=inspection.format,
        weights_bytes=inspection.weights_bytes or inspection.size_bytes,
        kind=inspection.kind,
        parameters=inspection.parameters,
        quantization=inspection.quantization,
        context=inspection.context,
        layers=inspection.layers,
        hidden=inspection.hidden,
        vocabulary=inspection.vocabulary,
        kv_bytes_per_token=inspection.kv_bytes_per_token,
    )


def facts_of_card(model: ModelEntry, variant: VariantEntry) -> Facts:
    """What a card says, of a model whose files were not read, or are not here."""
    return Facts(
        format=variant.format,
        weights_bytes=variant.size_bytes,
        kind=variant.kind,
        parameters=model.parameters,
        quantization=variant.quantization,
        context=model.context,
    )


def fit(
    facts: Facts,
    context: int,
    *,
    free_bytes: int,
    streams: int = 1,
    cache_limit: int = 0,
    bandwidth: float = 0.0,
    efficiency: float = 0.0,
    measured_tps: float = 0.0,
) -> Fit:
    """What loading with `context` tokens takes, of which `streams` sequences may be full at once.

    `cache_limit`: most bytes of the key/value cache (0: as many as needed). `bandwidth`: bytes per second that the
    machine reads (0: unknown); `efficiency`: the share of it that this format reaches here (0: as it usually does);
    `measured_tps`: tokens per second that were measured, which stand instead of what is predicted.
    """
    context = min(context, facts.context or context)
    weights = weights_held(facts)
    cache = cache_held(facts, context, streams, cache_limit)
    working = working_held(facts, context, cache)
    largest = _largest_context(facts, facts.context or context, streams, cache_limit, free_bytes)
    fits = weights + cache + working <= free_bytes
    verdict: FitVerdict = "fits" if fits else "smaller_context" if 0 < largest < context else "too_large"
    return Fit(
        verdict=verdict,
        weights_bytes=weights,
        cache_bytes=cache,
        working_bytes=working,
        free_bytes=free_bytes,
        context=context,
        largest_context=max(largest, context) if fits else largest,
        tokens_per_second=measured_tps or predicted_speed(facts, bandwidth, efficiency),
        measured=measured_tps > 0,
    )


def weights_held(facts: Facts) -> int:
    """Bytes of the weights as the format's decoder holds them."""
    holding = HOLDINGS[facts.format]
    if holding.parameter_bytes:
        return holding.parameter_bytes * (facts.parameters or _parameters(facts))
    table = _looked_up(facts)
    return int(holding.weights * (facts.weights_bytes - table)) + table


def cache_held(facts: Facts, context: int, streams: int = 1, limit: int = 0) -> int:
    """Bytes of the key/value cache of `streams` full sequences, at most `limit` unless that is 0."""
    if facts.kind != "generator":
        return 0
    step = HOLDINGS[facts.format].cache_step
    full = streams * -(-context // step) * step * _token_bytes(facts)
    return min(full, limit) if limit else full


def working_held(facts: Facts, context: int, cache: int) -> int:
    """Bytes of all the rest: the process, its libraries, the vocabulary, what is computed on the way."""
    holding = HOLDINGS[facts.format]
    heads = max(1, facts.hidden // HEAD_SIZE)
    scores = holding.score_bytes * context * heads
    vocabulary = holding.token_bytes * facts.vocabulary
    return int(holding.base_bytes + vocabulary + scores + holding.growth * cache)


def predicted_speed(facts: Facts, bandwidth: float, efficiency: float = 0.0) -> float:
    """Tokens per second that one sequence decodes; 0 when the bandwidth is unknown or the model does not write."""
    if not bandwidth or facts.kind != "generator" or facts.format == "echo":
        return 0.0
    share = efficiency or HOLDINGS[facts.format].efficiency
    return 1.0 / (read_per_token(facts) / (share * bandwidth) + overhead_s(facts))


def learnt_efficiency(read_bytes: int, overhead: float, tokens_per_second: float, bandwidth: float) -> float:
    """The share of `bandwidth` that decoding reached when it was measured; 0 when the figures do not tell."""
    reading_s = 1.0 / tokens_per_second - overhead if tokens_per_second else 0.0
    return min(1.5, read_bytes / (reading_s * bandwidth)) if reading_s > 0 and bandwidth else 0.0


def read_per_token(facts: Facts) -> int:
    """Bytes read for each decoded token: all weights but the table that single rows are taken of, and the cache."""
    holding = HOLDINGS[facts.format]
    kept = facts.weights_bytes - _looked_up(facts)
    weights = weights_held(facts) if holding.parameter_bytes else kept
    return weights + TYPICAL_TOKENS * _token_bytes(facts)


def overhead_s(facts: Facts) -> float:
    """Seconds of each token that do not depend on the model's size."""
    return HOLDINGS[facts.format].layer_s * facts.layers


def _largest_context(facts: Facts, most: int, streams: int, cache_limit: int, free_bytes: int) -> int:
    """The largest context up to `most` that fits, in steps; 0: none does."""

    def fits(context: int) -> bool:
        cache = cache_held(facts, context, streams, cache_limit)
        return weights_held(facts) + cache + working_held(facts, context, cache) <= free_bytes

    if fits(most):
        return most
    below, above = 0, -(-most // CONTEXT_STEP)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if fits(middle * CONTEXT_STEP) else (below, middle)
    return below * CONTEXT_STEP


def _token_bytes(facts: Facts) -> int:
    """Bytes of one token in the cache as the decoder keeps it."""
    if facts.kind != "generator" or facts.format == "echo":
        return 0
    element = HOLDINGS[facts.format].element_bytes
    if facts.format == "gguf" and facts.quantization in _WIDE_CACHE:
        element = 4
    per_token = facts.kv_bytes_per_token or int(65536 * (facts.parameters / 1e9) ** 0.5)
    return per_token * element // _CACHE_ELEMENT


def _looked_up(facts: Facts) -> int:
    """Bytes of a quantized ONNX model's embeddings where they stay in 32 bits, apart from its head: rows are taken of
    them, they are never read as a whole. They are there when what remains still is enough for the parameters."""
    table = 4 * facts.vocabulary * facts.hidden
    rest = facts.weights_bytes - table
    is_apart = facts.format == "onnx" and facts.parameters and rest >= _LEAST_BYTES * facts.parameters
    return table if is_apart and facts.weights_bytes < _UNQUANTIZED_BYTES * facts.parameters else 0


def _parameters(facts: Facts) -> int:
    return facts.weights_bytes // (4 if facts.quantization in _FULL else 2)
