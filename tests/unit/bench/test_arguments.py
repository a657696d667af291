"""`spark bench`: options become a plan, and nonsense is refused before anything is started."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from spark_engine.bench.speed import check
from spark_engine.errors import InvalidRequest
from spark_engine.main import main
from spark_engine.types.bench import AgreementPlan, Plan, SpeedPlan
from tests.unit.bench.reports import measured, report


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that commands would run; they get a report by hand."""
    seen: list[Plan] = []

    def run_plan(plan: Plan, *_: Any) -> Any:
        seen.append(plan)
        return report(measured("spark", 1, 30.0))

    monkeypatch.setattr("spark_engine.cli.bench_run.run_plan", run_plan)
    return seen


def test_the_defaults_are_those_of_the_plan(plans: list[Plan], tmp_path: Path) -> None:
    assert main(["bench", "--base-dir", str(tmp_path)]) == 0
    assert plans == [SpeedPlan(str(tmp_path), cache=str(tmp_path / "cache" / "bench"))]


def test_every_option_arrives(plans: list[Plan], tmp_path: Path) -> None:
    options = (
        "--model m:v --size tiny --streams 8,1 --rounds 5 --tokens 32 --contestants spark,bare --spread 0.7"
    )
    more = f"--prompt-lookup --threads 2 --python /p --cache {tmp_path} --base-dir {tmp_path}"
    assert main(["bench", *options.split(), *more.split()]) == 0
    assert plans == [
        SpeedPlan(
            str(tmp_path), model="m:v", size="tiny", streams=(1, 8), rounds=5, tokens=32, spread=0.7, threads=2,
            prompt_lookup=True, contestants=("spark", "bare"), python="/p", cache=str(tmp_path),
        )
    ]  # fmt: skip


def test_agreement_is_another_plan(plans: list[Plan]) -> None:
    wanted = "--agreement --model phi-4-mini --reference phi-4-mini:safetensors --tokens 9"
    assert main(["bench", *wanted.split()]) == 0
    (plan,) = plans
    assert plan == AgreementPlan(plan.base, "phi-4-mini", "phi-4-mini:safetensors", 9)


def test_a_report_is_written_and_compared_with(
    plans: list[Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.json"
    assert main(["bench", "--json", str(file)]) == 0
    assert msgspec.json.decode(file.read_bytes())["groups"][0]["measured"][0]["contestant"] == "spark"
    capsys.readouterr()
    assert main(["bench", "--compare", str(file)]) == 0
    assert "× saved" in capsys.readouterr().out


def test_json_on_stdout_is_one_line_and_nothing_else(
    plans: list[Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--json", "-"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert msgspec.json.decode(line)["type"] == "speed"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--streams", "1,x"], 2),
        (["--size", "huge"], 2),
        (["--rounds", "0"], 2),
        (["--tokens", "1"], 2),
        (["--compare", "/nowhere/run.json"], 1),
        (["--json", "/nowhere/run.json"], 1),
    ],
)
def test_nonsense_is_refused(
    plans: list[Plan], arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments]) == status
    assert "Traceback" not in capsys.readouterr().err


def test_a_file_that_is_no_report_is_refused(
    plans: list[Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"type": "agreement"}')
    assert main(["bench", "--compare", str(file)]) == 1
    assert "no run to compare with" in capsys.readouterr().err
    assert plans == []


@pytest.mark.parametrize(
    "plan",
    [
        SpeedPlan("", contestants=("nobody",)),
        SpeedPlan("", streams=()),
        SpeedPlan("", streams=(0,)),
        SpeedPlan("", streams=(65,)),
        SpeedPlan("", rounds=0),
        SpeedPlan("", tokens=1),
    ],
)
def test_a_plan_without_sense_is_refused(plan: SpeedPlan) -> None:
    with pytest.raises(InvalidRequest):
        check(plan)
