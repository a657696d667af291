"""What `spark bench` prints: readable in a terminal of 80 columns, with everything that was measured."""

import io
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from spark_engine.cli.bench_compare import changes, doubts
from spark_engine.cli.bench_table import milliseconds, show_agreement, show_speed, speed_table
from spark_engine.cli.terminal import Terminal
from spark_engine.types.bench import Absent, Agreement, AgreementReport, Machine, SpeedReport
from tests.unit.bench.reports import MACHINE, measured, report

ROWS = (measured("spark", 1, 30.8), measured("og-generator-default", 1, 16.5), measured("spark", 8, 95.0))


def printed(width: int, *args: object) -> str:
    out = io.StringIO()
    Console(file=out, width=width, markup=False, highlight=False).print(*args)
    return out.getvalue()


def shown(capsys: pytest.CaptureFixture[str], found: SpeedReport, saved: SpeedReport | None = None) -> str:
    show_speed(Terminal(), found, saved)
    return capsys.readouterr().out


def test_everything_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, report(*ROWS))
    for expected in (
        "A Processor", "2 cores", "30 GB/s", "medians of 3 rounds", "1 stream", "8 streams", "30.8", "210 ms", "1.4 s",
        "1.3 GB", "og.Engine: not installed", "200,064", "150", "0.5%",
    ):  # fmt: skip
        assert expected in text


def test_it_fits_into_eighty_columns() -> None:
    text = printed(80, speed_table(report(*ROWS).groups[0]))
    assert "Og-Generator-Default" in text
    assert len(text.splitlines()) == 7, (
        "a row a contestant, a heading for each number of streams, one blank line"
    )


def test_what_many_streams_gain_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    many = [replace(measured("spark", n, 30.0), vs_one=n / 2) for n in (1, 4, 8)]
    assert "Spark, × its own single stream: 4 streams 2.00, 8 streams 4.00" in shown(capsys, report(*many))
    assert "single stream" not in shown(capsys, report(ROWS[0]))


def test_a_busy_machine_is_pointed_out(capsys: pytest.CaptureFixture[str]) -> None:
    busy = Machine("P", "S", 2, 1, 30e9, load=3.0)
    assert "busy (load 3.0)" in shown(capsys, report(*ROWS, machine=busy))
    assert "busy" not in shown(capsys, report(*ROWS))


def test_changes_since_a_saved_run(capsys: pytest.CaptureFixture[str]) -> None:
    now, then = report(*ROWS), report(measured("spark", 1, 28.0), measured("bare", 1, 9.0))
    assert changes(now, then) == {("quarter:onnx-int4", "spark", 1): pytest.approx(1.1)}
    text = shown(capsys, now, then)
    assert "× saved" in text
    assert "1.10" in text


def test_what_makes_runs_hard_to_compare_is_said() -> None:
    now = report(*ROWS)
    assert doubts(now, now) == []
    other = Machine("Another", "Linux", 8, 1, 60e9, 0.0)
    found = doubts(now, report(*ROWS, machine=other, tokens=32))
    assert found == ["another machine (Another, 8 cores)", "tokens 32, not 64", "memory of another speed"]
    assert MACHINE.processor not in " ".join(found)


def test_agreement(capsys: pytest.CaptureFixture[str]) -> None:
    found = AgreementReport(
        "1.0", "", "nano:safetensors", 24, (Agreement("nano:q8", 1152, 0.9931, 1.2e-3, 0.5),),
        (Absent("nano:gguf", "nano:gguf", "not installed"),),
    )  # fmt: skip
    show_agreement(Terminal(), found)
    text = capsys.readouterr().out
    for expected in (
        "nano:safetensors",
        "nano:q8",
        "99.31%",
        "1.20e-03",
        "1,152",
        "nano:gguf: not installed",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("value", "text"), [(0.34, "0.3 ms"), (12.0, "12 ms"), (999.4, "999 ms"), (2040, "2.0 s")]
)
def test_milliseconds(value: float, text: str) -> None:
    assert milliseconds(value) == text


def test_escape_sequences_in_a_models_name_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    group = replace(report(*ROWS).groups[0], title="evil\x1b[31m")
    assert "\x1b" not in shown(capsys, replace(report(*ROWS), groups=(group,)))
