"""A race's results as a table's rows: medians, order, ratios to Spark, the share of the bandwidth."""

import pytest

from spark_engine.bench.figures import Run
from spark_engine.bench.files import Target
from spark_engine.bench.race import Results
from spark_engine.bench.standing import group
from spark_engine.types.bench import Absent, Group

TARGET = Target("m:v", "M", "onnx", "/m", [])


def results(**speeds: list[float]) -> Results:
    made = Results(absent=[Absent("og-engine", "og.Engine", "not installed")])
    for name, values in speeds.items():
        id, _, streams = name.rpartition("_")
        key = (id.replace("_", "-"), int(streams))
        made.runs[key] = [Run(value, value / 2, 100.0, 30.0, 50.0) for value in values]
        made.memory[key] = 1000
    return made


def rows(found: Group) -> list[tuple[str, int]]:
    return [(m.contestant, m.streams) for m in found.measured]


def test_rows_stand_by_streams_and_then_in_the_order_of_the_field() -> None:
    found = group(
        TARGET, 0, results(og_generator_1=[1], bare_8=[1], bare_1=[1], spark_8=[1], spark_1=[1]), 1e9
    )
    assert rows(found) == [("spark", 1), ("bare", 1), ("og-generator", 1), ("spark", 8), ("bare", 8)]
    assert found.absent[0].reason == "not installed"


def test_medians_and_ratios_to_spark_with_as_many_streams() -> None:
    found = group(
        TARGET, 0, results(spark_1=[30, 31, 5], og_generator_1=[62], spark_8=[90], bare_8=[99]), 1e9
    )
    ratios = {(m.contestant, m.streams): m.vs_spark for m in found.measured}
    assert found.measured[0].tokens_per_second.median == 30
    assert ratios == {
        ("spark", 1): 1.0, ("og-generator", 1): pytest.approx(62 / 30),
        ("spark", 8): 1.0, ("bare", 8): pytest.approx(1.1),
    }  # fmt: skip


def test_ratios_are_those_within_a_round() -> None:
    machine_slows_down = results(spark_1=[30, 20, 10], bare_1=[33, 22, 11])
    assert group(TARGET, 0, machine_slows_down, 1e9).measured[1].vs_spark == pytest.approx(1.1)
    one_slow_round = results(spark_1=[30, 10, 31], bare_1=[60, 60, 31])
    assert group(TARGET, 0, one_slow_round, 1e9).measured[1].vs_spark == pytest.approx(2.0)


def test_several_streams_are_compared_with_the_own_single_one() -> None:
    found = group(TARGET, 0, results(spark_1=[30], spark_8=[90], bare_8=[99]), 1e9)
    assert {(m.contestant, m.streams): m.vs_one for m in found.measured} == {
        ("spark", 1): 1.0, ("spark", 8): 3.0, ("bare", 8): None,
    }  # fmt: skip


def test_without_spark_there_is_nothing_to_compare_with() -> None:
    assert group(TARGET, 0, results(bare_1=[30]), 1e9).measured[0].vs_spark is None


def test_the_share_of_the_bandwidth_is_told_of_one_stream_and_the_own_file() -> None:
    made = results(bare_1=[30], bare_8=[90], transformers_1=[10])
    synthetic = Target("quarter:v", "Q", "onnx", "/q", [], shape="quarter")
    measured = group(synthetic, 600_000_000, made, 36e9).measured
    shares = {(m.contestant, m.streams): m.bandwidth_share for m in measured}
    assert shares == {("bare", 1): pytest.approx(0.5), ("bare", 8): None, ("transformers", 1): None}
    (alone,) = group(TARGET, 600_000_000, results(transformers_1=[30]), 36e9).measured
    assert alone.bandwidth_share == pytest.approx(0.5), "of its own format it reads the file"
