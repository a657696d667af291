"""Whether a model fits: against what real runners held, and by the rules every answer keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_engine.catalog.fit import (
    CONTEXT_STEP,
    Facts,
    cache_held,
    facts_of,
    facts_of_card,
    fit,
    learnt_efficiency,
    overhead_s,
    predicted_speed,
    read_per_token,
    weights_held,
)
from spark_engine.types.inspection import Inspection
from spark_engine.types.models import ModelEntry, ModelFormat, Unloaded, VariantEntry

GB, MIB = 10**9, 2**20
QUARTER = {
    "parameters": 955_000_000,
    "layers": 8,
    "hidden": 3072,
    "vocabulary": 50016,
    "kv_bytes_per_token": 32768,
}
PHI = {
    "parameters": 3_836_021_760,
    "layers": 32,
    "hidden": 3072,
    "vocabulary": 200064,
    "kv_bytes_per_token": 131072,
}
NANO = {"parameters": 5_771_008, "layers": 6, "hidden": 256, "vocabulary": 512, "kv_bytes_per_token": 3072}
MEASURED = [
    # what a runner held at most after a full context of 4096 (the last: 2048), without mapped pages it can lose
    (Facts("onnx", 651_525_000, quantization="int4", context=4096, **QUARTER), 4096, 1300 * MIB),
    (Facts("gguf", 539_621_760, quantization="Q4_0", context=4096, **QUARTER), 4096, 960 * MIB),
    (Facts("onnx", 6_000_000, quantization="int4", context=4096, **NANO), 4096, 146 * MIB),
    (Facts("gguf", 6_143_168, quantization="Q8_0", context=4096, **NANO), 4096, 157 * MIB),
    (Facts("safetensors", 23_088_832, quantization="float32", context=4096, **NANO), 4096, 460 * MIB),
    (
        Facts(
            "safetensors",
            1_211_000_000,
            parameters=605_700_000,
            quantization="bfloat16",
            layers=10,
            hidden=2048,
            vocabulary=50016,
            kv_bytes_per_token=40960,
        ),
        2048,
        2942 * MIB,
    ),
]


@pytest.mark.parametrize("facts, context, held", MEASURED, ids=lambda v: getattr(v, "format", str(v)))
def test_the_need_is_near_what_real_runners_held(facts: Facts, context: int, held: int) -> None:
    needed = fit(facts, context, free_bytes=64 * GB).needed_bytes
    assert 0.9 * held - 20 * MIB <= needed <= 1.15 * held + 60 * MIB


facts_strategy = st.builds(
    Facts,
    format=st.sampled_from(["onnx", "gguf", "safetensors", "pytorch"]),
    weights_bytes=st.integers(10**6, 10**12),
    kind=st.sampled_from(["generator", "embedder", "reranker"]),
    parameters=st.sampled_from([0, 5_000_000, 4 * GB, 70 * GB]),
    context=st.sampled_from([0, 100, 2048, 5000, 131072]),
    hidden=st.sampled_from([0, 256, 8192]),
    layers=st.integers(0, 100),
    vocabulary=st.sampled_from([0, 512, 200064]),
    kv_bytes_per_token=st.sampled_from([0, 3072, 131072]),
)


@given(facts_strategy, st.integers(1, 131072), st.integers(0, 2 * 10**12), st.integers(1, 8))
def test_the_verdict_the_need_and_the_largest_context_agree(
    facts: Facts, context: int, free: int, streams: int
) -> None:
    found = fit(facts, context, free_bytes=free, streams=streams)
    assert (found.verdict == "fits") == (found.missing_bytes == 0)
    assert (found.verdict == "fits") == (found.largest_context >= found.context)
    assert (found.verdict == "too_large") == (found.largest_context == 0)
    most = facts.context or context
    assert found.context <= most
    assert 0 <= found.largest_context <= most
    if found.verdict == "smaller_context":
        assert found.largest_context % CONTEXT_STEP == 0
        again = fit(facts, found.largest_context, free_bytes=free, streams=streams)
        assert again.verdict == "fits"
        more = fit(facts, found.largest_context + CONTEXT_STEP, free_bytes=free, streams=streams)
        assert more.verdict != "fits" or more.context < found.largest_context + CONTEXT_STEP


@given(facts_strategy, st.integers(1, 100_000), st.integers(1, 30_000))
def test_more_context_never_needs_less(facts: Facts, context: int, more: int) -> None:
    less = fit(facts, context, free_bytes=0)
    assert fit(facts, context + more, free_bytes=0).needed_bytes >= less.needed_bytes


def test_the_cache_is_counted_in_the_numbers_each_format_keeps() -> None:
    sizes: dict[ModelFormat, int] = {
        f: cache_held(Facts(f, GB, **PHI), 4096) for f in ("onnx", "gguf", "safetensors")
    }
    assert sizes == {"onnx": 262144 * 4096, "gguf": 131072 * 4096, "safetensors": 262144 * 4096}
    assert cache_held(Facts("gguf", GB, quantization="F32", **PHI), 4096) == 262144 * 4096
    assert cache_held(Facts("onnx", GB, **PHI), 4096, streams=3) == 3 * 262144 * 4096
    assert cache_held(Facts("onnx", GB, **PHI), 4096, limit=GB // 2) == GB // 2
    assert cache_held(Facts("onnx", GB, "embedder", **PHI), 4096) == 0


def test_transformers_holds_every_weight_in_32_bits() -> None:
    assert weights_held(Facts("safetensors", 7_670_000_000, **PHI)) == 4 * PHI["parameters"]
    assert weights_held(Facts("safetensors", 8 * GB, quantization="bfloat16")) == 16 * GB
    assert weights_held(Facts("pytorch", 8 * GB, quantization="float32")) == 8 * GB


def test_an_embedding_that_stays_in_32_bits_is_neither_packed_nor_read_for_each_token() -> None:
    table = 4 * 200064 * 3072
    apart = Facts("onnx", 4_860_000_000, quantization="int4", **PHI)
    assert weights_held(apart) == int(1.3 * (4_860_000_000 - table)) + table
    assert read_per_token(apart) < 4_860_000_000 - table + 200_000_000
    shared = Facts("onnx", 2_400_000_000, quantization="int4", **PHI)
    assert read_per_token(shared) > 2_400_000_000


def test_the_speed_is_what_memory_gives_less_what_each_token_costs_anyway() -> None:
    facts = Facts("gguf", 2_490_000_000, **PHI)
    slow, fast = predicted_speed(facts, 32e9), predicted_speed(facts, 64e9)
    assert 6 < slow < 12
    assert 1.7 * slow < fast < 2 * slow
    assert predicted_speed(facts, 0.0) == 0.0
    assert predicted_speed(Facts("onnx", GB, "embedder", **PHI), 32e9) == 0.0
    assert predicted_speed(Facts("onnx", 6_000_000, **NANO), 32e9) < 3000


@given(st.floats(0.05, 1.2))
def test_a_learnt_efficiency_predicts_the_speed_it_was_learnt_of(efficiency: float) -> None:
    facts = Facts("onnx", 651_000_000, **QUARTER)
    speed = predicted_speed(facts, 32e9, efficiency)
    learnt = learnt_efficiency(read_per_token(facts), overhead_s(facts), speed, 32e9)
    assert learnt == pytest.approx(efficiency)


def test_efficiency_is_unknown_without_figures() -> None:
    assert learnt_efficiency(GB, 0.0, 0.0, 32e9) == 0.0
    assert learnt_efficiency(GB, 0.0, 10.0, 0.0) == 0.0
    assert learnt_efficiency(GB, 1.0, 10.0, 32e9) == 0.0


def test_a_measured_speed_stands_instead_of_the_prediction() -> None:
    facts = Facts("gguf", 2_490_000_000, **PHI)
    told = fit(facts, 4096, free_bytes=8 * GB, bandwidth=32e9, measured_tps=9.5)
    assert (told.tokens_per_second, told.measured) == (9.5, True)
    assert not fit(facts, 4096, free_bytes=8 * GB, bandwidth=32e9).measured


def test_facts_come_of_files_or_else_of_the_card() -> None:
    inspected = Inspection("gguf", "/m.gguf", ("m.gguf",), 110, 100, context=8192, kv_bytes_per_token=7)
    assert facts_of(inspected) == Facts("gguf", 100, context=8192, kv_bytes_per_token=7)
    variant = VariantEntry("m:q4", "gguf", "Q4_0", 90, Unloaded())
    card = facts_of_card(ModelEntry("m", "M", "", "", "", 55, 2048, (variant,)), variant)
    assert card == Facts("gguf", 90, parameters=55, quantization="Q4_0", context=2048)
    assert cache_held(Facts("gguf", GB, parameters=4 * GB), 4096) > 0, "guessed where nothing says it"
