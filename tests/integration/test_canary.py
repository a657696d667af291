"""The canary with real runners: a decoder that lies, crashes, hangs, is slow or does not start is reported as such."""

from pathlib import Path

import psutil
import pytest

from spark_engine.engine.canary import Canary
from spark_engine.engine.canary_run import Patience
from spark_engine.engine.seats import Seat
from spark_engine.types.acceleration import AccelerationCheck

FAULTY = Path(__file__).parent.parent / "support" / "faulty"
SHORT = Patience(load_s=20, silence_s=3, total_s=60)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(FAULTY))


async def checked(fault: str, patience: Patience = SHORT) -> AccelerationCheck:
    before = set(_children())
    check = await Canary(patience).check("onnx", Seat(fault, f"fault:{fault}"))
    assert set(_children()) == before, "a throw-away runner has ended when its check is told"
    return check


def _children() -> list[int]:
    return [child.pid for child in psutil.Process().children()]


async def test_the_processor_itself_says_what_spark_nano_knows_by_heart() -> None:
    check = await Canary().check("onnx", Seat())
    assert (check.verdict, check.device, check.largest_difference) == ("right", "CPU", 0.0)
    assert check.compared > 60 and check.tokens_per_second > 0
    assert check.at > 0 and check.took_s > 0


@pytest.mark.component("genai")
async def test_another_loop_over_the_same_model_agrees() -> None:
    check = await Canary().check("onnx", Seat("genai-cpu", "genai:cpu"))
    assert check.verdict in ("right", "slow")
    assert check.device == "CPU (onnxruntime-genai)"
    assert check.largest_difference < 0.5 and check.compared > 60  # other kernels round otherwise
    assert check.cpu_tokens_per_second > 0


async def test_a_sound_one_is_right(faulty: None) -> None:
    check = await checked("fine")
    assert check.verdict in ("right", "slow"), check.message
    assert check.mean_difference == 0.0


@pytest.mark.parametrize("fault", ["perturbed", "hot", "nan"])
async def test_wrong_numbers_are_told(faulty: None, fault: str) -> None:
    check = await checked(fault)
    assert check.verdict == "wrong", check.message
    if fault != "nan":
        assert "differ from the CPU's" in check.message and check.mean_difference > 0.1


async def test_a_crash_is_told_with_the_last_words(faulty: None) -> None:
    check = await checked("crash")
    assert check.verdict == "crashed"
    assert "signal 6" in check.message and "answering" in check.message
    assert "a fault in the driver" in check.evidence


async def test_a_crash_while_loading_is_told(faulty: None) -> None:
    check = await checked("dead")
    assert (check.verdict, "loading spark-nano" in check.message) == ("crashed", True)


async def test_silence_is_told_and_cut_off(faulty: None) -> None:
    check = await checked("hang")
    assert check.verdict == "hung"
    assert "said nothing for 3 s" in check.message and check.took_s < 15


async def test_a_load_that_hangs_is_cut_off(faulty: None) -> None:
    check = await checked("deaf", Patience(load_s=2, silence_s=3, total_s=60))
    assert (check.verdict, "loading" in check.message) == ("hung", True)


async def test_a_slow_one_is_right_and_slow(faulty: None) -> None:
    check = await checked("slow")
    assert check.verdict == "slow", check.message
    assert 0 < check.tokens_per_second < 60 < check.cpu_tokens_per_second
    assert check.mean_difference == 0.0 and "on the CPU alone" in check.message


async def test_a_refusal_is_told_in_its_own_words(faulty: None) -> None:
    check = await checked("refuse")
    assert (check.verdict, check.remedy) == ("refused", "Choose another.")
    assert "This device cannot be used" in check.message


async def test_without_a_working_cpu_nothing_is_verified(tmp_path: Path) -> None:
    check = await Canary(SHORT, birds=tmp_path).check("onnx", Seat())
    assert check.verdict == "refused"


async def test_one_too_slow_for_its_time_is_slow_and_not_hung(faulty: None) -> None:
    check = await checked("slow", Patience(load_s=20, silence_s=3, total_s=2.5))
    assert check.verdict == "slow", check.message
    assert 0 < check.tokens_per_second < 60 and check.took_s < 24
