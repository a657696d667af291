"""The Acceleration page: every state of a choice, one action a row, evidence on a click, by mouse and keyboard."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from app.acceleration_words import act_of, evidence, share_of, standing, steps_of
from app.dashboard.acceleration_page import AccelerationPage
from app.dashboard.acceleration_row import AccelerationRow
from app.link import Connected, Lost, Stopped
from spark_engine.errors import Conflict
from spark_engine.paths import BaseDir
from spark_engine.types.acceleration import (
    AccelerationBackend,
    SteppedDown,
    SwitchFailed,
    Switching,
    find_choice,
)
from spark_engine.types.generation import Finished
from spark_engine.types.models import Ready
from spark_engine.types.state import AccelerationChanged, StateSnapshot, find_variant
from tests.gui.acceleration import (
    ABSENT,
    CPU,
    CRASHED,
    CUDA,
    GENAI,
    GGUF,
    MISSING,
    ONNX,
    UNCHECKED,
    WRONG,
)
from tests.gui.conftest import Stage, running, until
from tests.gui.states import NANO, sample_state

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(stage: Stage) -> AccelerationPage:
    stage.store.set_link(Connected(True))
    stage.window.go("acceleration")
    assert isinstance(stage.window.page, AccelerationPage)
    return stage.window.page


def row(page: AccelerationPage, id: str, backend: str = "onnx") -> AccelerationRow:
    return page.cards[backend].rows[id]


def test_the_four_steps_are_told_for_every_state(page: AccelerationPage) -> None:
    page.cards["onnx"].rest.click()
    told = {id: (r.steps.steps.word, r.steps.steps.reached) for id, r in page.cards["onnx"].rows.items()}
    assert told == {
        "cpu": ("in use", 4),
        "cpu-1": ("not checked", 2),
        "genai-cpu": ("slower than CPU", 3),
        "cuda": ("verified", 3),
        "directml": ("wrong numbers", 2),
        "webgpu": ("crashed", 2),
        "openvino": ("not installed", 1),
        "coreml": ("not here", 0),
    }
    assert "computes wrongly" in row(page, "directml")._why.text()
    assert row(page, "cuda").steps.accessibleName() == "ONNX by CUDA: verified, step 3 of 4. Evidence"
    assert row(page, "cuda").meter.shares[0] == 1.0 > row(page, "cpu").meter.shares[0] > 0.6


async def test_use_is_one_click(stage: Stage, page: AccelerationPage, qtbot: Any) -> None:
    button = row(page, "cuda").button
    assert (button.text(), button.accessibleName()) == ("Use", "Use: ONNX by CUDA")
    stage.client.gate = asyncio.Event()
    qtbot.mouseClick(button, LEFT)
    assert not button.isEnabled()
    stage.client.gate.set()
    await until(lambda: ("use_acceleration", "onnx", "cuda", "strict=None") in stage.client.calls)
    moving = Switching("cuda", "loading beside what runs")
    stage.feed(AccelerationChanged(replace(ONNX, switching=moving)))
    card = page.cards["onnx"]
    assert (card.moving.word, card.moving.isVisible(), button.isVisible()) == (moving.step, True, False)
    choices = tuple(replace(c, in_use=c.id == "cuda") for c in ONNX.choices)
    stage.feed(AccelerationChanged(replace(ONNX, wish="cuda", chosen="cuda", choices=choices)))
    assert (row(page, "cuda").steps.steps.word, card.moving.isVisible()) == ("in use", False)
    assert card._standing.text() == "CUDA, chosen by you." and row(page, "cpu").button.text() == "Use"
    qtbot.mouseClick(card.auto, LEFT)
    await until(lambda: ("use_acceleration", "onnx", "auto", "strict=None") in stage.client.calls)


async def test_each_row_has_the_action_that_helps(stage: Stage, page: AccelerationPage, qtbot: Any) -> None:
    qtbot.mouseClick(row(page, "webgpu").button, LEFT)
    await until(lambda: ("verify_acceleration", "onnx", "webgpu") in stage.client.calls)
    qtbot.mouseClick(row(page, "openvino").button, LEFT)
    assert QGuiApplication.clipboard().text() == MISSING.command
    assert row(page, "cpu", "gguf").button.text() == "Install"
    qtbot.mouseClick(row(page, "cpu", "gguf").button, LEFT)
    await until(lambda: ("install_component", "gguf") in stage.client.calls)
    assert row(page, "cpu").button.isHidden() and row(page, "vulkan", "gguf").button.isHidden()


async def test_the_status_opens_the_evidence(stage: Stage, page: AccelerationPage, qtbot: Any) -> None:
    shown = row(page, "webgpu")
    shown.steps.setFocus()
    qtbot.keyClick(shown.steps, Qt.Key.Key_Space)
    assert shown.panel.isVisible() and "Segmentation fault" in shown.panel._last_words.text()
    qtbot.mouseClick(shown.panel.copy, LEFT)
    copied = QGuiApplication.clipboard().text()
    assert "Driver: 610.43.02" in copied and "signal 11" in copied and "Segmentation" in copied
    qtbot.mouseClick(shown.panel.check, LEFT)
    await until(lambda: ("verify_acceleration", "onnx", "webgpu") in stage.client.calls)
    running = tuple(
        replace(c, checking="running spark-nano") if c.id == "webgpu" else c for c in ONNX.choices
    )
    stage.feed(AccelerationChanged(replace(ONNX, choices=running)))
    assert shown.steps.steps.active and not shown.panel.check.isEnabled()
    assert (page.check_all.text().strip(), page.check_all.isEnabled()) == ("Checking…", False)
    shown.panel.copy.setFocus()
    qtbot.keyClick(shown.panel.copy, Qt.Key.Key_Escape)
    assert shown.panel.isHidden() and not shown.steps.isChecked() and shown.steps.hasFocus()


async def test_what_went_wrong_stands_on_the_card(stage: Stage, page: AccelerationPage, qtbot: Any) -> None:
    card = page.cards["onnx"]
    assert card._failed.isHidden() and card.again.isHidden()
    failed = SwitchFailed(
        "cuda", "not_enough_memory", "Not enough memory", "It needs 5 GB.", "Close programs."
    )
    lower = SteppedDown(NANO, "cuda", "cpu", 2048, 1.0, "Its process ended again and again (signal 11).")
    stage.feed(AccelerationChanged(replace(ONNX, wish="cuda", failed=failed, stepped_down=(lower,))))
    assert "Not enough memory" in card._failed.text() and "runs as before" in card._failed.text()
    assert "signal 11" in card._lower.text() and "2048 tokens" in card._lower.text()
    qtbot.mouseClick(card.again, LEFT)
    await until(lambda: ("use_acceleration", "onnx", "cuda", "strict=None") in stage.client.calls)


async def test_strict_is_what_the_engine_says(stage: Stage, page: AccelerationPage, qtbot: Any) -> None:
    strict = page.cards["onnx"].strict
    stage.client.answers["use_acceleration"] = Conflict("accelerator_required", "No", "Nothing is there.")
    qtbot.mouseClick(strict, LEFT)
    await until(lambda: stage.board.notices)
    assert ("use_acceleration", "onnx", "auto", "strict=True") in stage.client.calls
    assert not strict.isChecked() and stage.board.notices[-1].title == "No"
    stage.feed(AccelerationChanged(replace(ONNX, strict=True)))
    assert strict.isChecked()


def test_what_needs_other_hardware_is_shown_when_wanted(page: AccelerationPage, qtbot: Any) -> None:
    card = page.cards["onnx"]
    assert "coreml" not in card.rows and "1 more choice" in card.rest.text()
    qtbot.mouseClick(card.rest, LEFT)
    assert row(page, "coreml").isVisible() and "Mac" in row(page, "coreml")._why.text()
    qtbot.mouseClick(card.rest, LEFT)
    assert row(page, "coreml").isHidden() and page.cards["gguf"].rest.isHidden()


def test_a_row_made_later_stands_in_the_place_of_its_choice(
    stage: Stage, page: AccelerationPage, qtbot: Any
) -> None:
    stage.feed(AccelerationChanged(replace(ONNX, choices=(ABSENT, *ONNX.choices[:2], GENAI))))
    qtbot.mouseClick(page.cards["onnx"].rest, LEFT)
    qtbot.waitUntil(lambda: row(page, "coreml").y() < row(page, "cpu").y(), timeout=3000)


async def test_everything_is_checked_by_f5(stage: Stage, page: AccelerationPage, qtbot: Any) -> None:
    qtbot.keyClick(stage.window, Qt.Key.Key_F5)
    await until(lambda: ("verify_acceleration", "", "") in stage.client.calls)


def test_without_an_engine_or_before_it_has_looked(stage: Stage, page: AccelerationPage) -> None:
    stage.feed(StateSnapshot(replace(sample_state(), acceleration={})))
    assert (page.is_live, page.empty._title.text()) == (False, "Looking at this machine")
    stage.store.set_link(Lost("It ended.", 1, 1.0))
    assert "ended unexpectedly" in page.empty._title.text()
    stage.store.set_link(Stopped())
    page.empty.button.click()
    assert stage.link.starts == 1


def test_a_choice_that_is_not_offered_any_more_goes(stage: Stage, page: AccelerationPage) -> None:
    stage.feed(AccelerationChanged(replace(ONNX, choices=(CPU, CUDA))))
    assert row(page, "webgpu").isHidden() and row(page, "cuda").isVisible()
    stage.feed(AccelerationChanged(ONNX))
    assert row(page, "webgpu").isVisible()


def test_words() -> None:
    assert steps_of(replace(CUDA, outdated="The driver is another.")).word == "to be checked again"
    assert steps_of(replace(CPU, check=None)).skipped, "in use without a check says so by a ring"
    assert act_of(ONNX, UNCHECKED).word == "Use" and act_of(ONNX, CRASHED).word == "Check again"
    assert act_of(GGUF, GGUF.choices[1]).word == ""
    assert share_of(UNCHECKED, ONNX) == 0.0
    facts = dict(evidence(CUDA, CUDA.check.at if CUDA.check else 0.0))
    assert "0.034 at most" in facts["Beside the CPU"] and facts["Last check"].startswith("today")
    assert "by the CPU at the same time 1,530" in facts["Speed"]
    assert dict(evidence(MISSING, 0.0))["Command"] == MISSING.command
    assert dict(evidence(ABSENT, 0.0))["Check"] == "It was not checked yet."
    wished = AccelerationBackend(
        "onnx", "ONNX", ("onnx",), "cuda", False, "cpu", "CUDA was chosen, but no.", (CPU,)
    )
    assert standing(wished) == "CPU. CUDA was chosen, but no."
    assert WRONG.check is not None and GENAI.check is not None


@pytest.mark.slow
async def test_a_click_changes_what_a_real_engine_runs_on_amid_an_answer(
    base: BaseDir, free_port: int, qtbot: Any
) -> None:
    ports = f"port = {free_port}\nhealth_port = 0\nmetrics_port = 0"
    base.settings_file.write_text(f'[server]\n{ports}\n[models]\ndefault = "{NANO}"\n')
    async with running(base, qtbot) as desktop:
        desktop.window.go("acceleration")
        page: Any = desktop.window.page
        await until(lambda: page.is_live and row(page, "cpu").steps.steps.word == "in use", 30, "CPU in use")
        talk = desktop.conversation
        ended: list[object] = []

        async def ask() -> None:
            from spark_engine.types.chat import ChatMessage

            said = [ChatMessage("user", "hello")]
            async for event in desktop.actions.client.chat(
                said, max_tokens=3000, ignore_eos=True, temperature=0
            ):
                ended.append(event)

        asking = asyncio.create_task(ask())  # noqa: TID251
        await until(lambda: len(ended) > 3, 20, "it is writing")
        qtbot.mouseClick(row(page, "cpu-1").button, LEFT)
        await until(lambda: row(page, "cpu-1").steps.steps.word == "in use", 40, "the change is done")
        await asking
        last = ended[-1]
        assert (
            isinstance(last, Finished)
            and last.served.device == "CPU"
            and last.usage.completion_tokens == 3000
        )
        state = desktop.store.state
        assert state is not None and talk is not None
        found = find_variant(state, NANO)
        assert (
            found is not None and isinstance(found.status, Ready) and found.status.device == "CPU, 1 thread"
        )
        choice = find_choice(state.acceleration["onnx"], "cpu-1")
        assert choice is not None and choice.check is not None, "it was checked on the way"
