"""What `auto` takes, what a wish comes to, where a dying model goes: pure choices."""

import pytest

from spark_engine.engine.acceleration_choice import chosen, refuse_unusable, safer
from spark_engine.engine.acceleration_record import Wish
from spark_engine.errors import Conflict
from spark_engine.types.acceleration import (
    AccelerationCheck,
    AccelerationChoice,
    DeviceKind,
    Verdict,
    stage,
)


def choice(
    id: str,
    verdict: Verdict | None = None,
    speed: float = 0.0,
    *,
    kind: DeviceKind = "gpu",
    installed: bool = True,
    outdated: str = "",
) -> AccelerationChoice:
    check = None
    if verdict is not None:
        check = AccelerationCheck(
            verdict, 1.0, "Title", "Message", tokens_per_second=speed, cpu_tokens_per_second=100.0
        )
    return AccelerationChoice(
        id,
        id.upper(),
        kind,
        "",
        True,
        installed,
        why="" if installed else "No library.",
        check=check,
        outdated=outdated,
    )


CPU = choice("cpu", kind="cpu")
FAST, FASTER = choice("cuda", "right", 300), choice("vulkan", "right", 900)
NOTHING = Wish()


def taken(*choices: AccelerationChoice, wish: Wish = NOTHING, **measured: float) -> str:
    return chosen(wish, [CPU, *choices], lambda one: measured.get(one.id))[0]


def test_auto_takes_the_fastest_that_computes_rightly() -> None:
    assert taken() == "cpu"
    assert taken(FAST, FASTER) == "vulkan"
    assert taken(FAST, choice("vulkan", "wrong", 900)) == "cuda"
    assert taken(FAST, choice("vulkan", "right", 900, outdated="The driver is another.")) == "cuda"
    assert taken(choice("cuda", "right", 105)) == "cpu", "that is no difference"
    assert taken(choice("cuda")) == "cpu", "never checked"
    for verdict in ("wrong", "crashed", "hung", "refused", "slow"):
        assert taken(choice("cuda", verdict, 900)) == "cpu", verdict


def test_what_real_models_did_counts_more_than_the_canary() -> None:
    assert taken(choice("cuda", "slow", 30), cuda=4.0) == "cuda"
    assert taken(FAST, cuda=0.5) == "cpu"


def test_other_ways_to_use_the_cpu_are_taken_for_real_speeds_only() -> None:
    single = choice("cpu-1", "right", 300, kind="cpu")
    assert taken(single) == "cpu"
    assert taken(single, **{"cpu-1": 1.3}) == "cpu-1"


def test_strict_never_falls_back_to_the_cpu() -> None:
    assert taken(FAST, wish=Wish(strict=True)) == "cuda"
    assert taken(choice("cpu-1", "right", 300, kind="cpu"), wish=Wish(strict=True)) == ""
    broken = choice("cuda", "crashed")
    assert taken(broken, wish=Wish("cuda", True)) == "cuda"
    assert taken(wish=Wish("cuda", True)) == ""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (choice("cuda", "crashed"), "last check failed: Title"),
        (choice("cuda", installed=False), "No library."),
        (choice("cuda", "right", 900, outdated="The driver is another."), "checked again"),
        (choice("vulkan"), "not there any more"),
    ],
)
def test_a_wish_that_cannot_be_had_is_the_cpu_with_the_reason(found: AccelerationChoice, said: str) -> None:
    id, why = chosen(Wish("cuda"), [CPU, found], lambda one: None)
    assert id == "cpu" and said in why


def test_a_slow_one_may_be_chosen_by_hand() -> None:
    assert taken(choice("cuda", "slow", 30), wish=Wish("cuda")) == "cuda"
    refuse_unusable(choice("cuda", "slow", 30))
    refuse_unusable(choice("cuda"))


def test_what_cannot_be_chosen_is_refused_with_the_way_out() -> None:
    for verdict in ("wrong", "crashed", "hung", "refused"):
        with pytest.raises(Conflict) as failed:
            refuse_unusable(choice("cuda", verdict))
        assert failed.value.code == "choice_failed" and "Title: Message" in failed.value.message
    with pytest.raises(Conflict) as absent:
        refuse_unusable(choice("cuda", installed=False))
    assert absent.value.code == "choice_not_installed" and "No library." in absent.value.message


def test_down_the_ladder_the_cpu_comes_last() -> None:
    all = [CPU, choice("cpu-1", "right", kind="cpu"), FAST, FASTER, choice("rocm", "crashed")]
    assert safer(all, "vulkan", strict=False) == ["cuda", "cpu"]
    assert safer(all, "vulkan", strict=True) == ["cuda"]
    assert safer(all, "cpu-1", strict=False) == ["cpu"]
    assert safer(all, "cpu-1", strict=True) == ["cpu"]
    assert safer(all, "cpu", strict=False) == []


def test_the_four_steps() -> None:
    assert stage(choice("cuda", installed=False)) == "found"
    assert stage(AccelerationChoice("cuda", "CUDA", "gpu", "", False, False)) == "absent"
    assert stage(choice("cuda", "crashed")) == "installed"
    assert stage(FAST) == "verified"
