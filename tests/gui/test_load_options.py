"""Load options in the window: three layers apart, the fit as one types, what is wrong at once, and saving."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import asdict, replace
from PySide6.QtCore import Qt

from app.dashboard.models_page import ModelsPage
from app.dashboard.options_panel import OptionsPanel
from app.link import Connected
from app.option_words import option_words, over_saved, read_number
from spark_engine.errors import InvalidRequest
from spark_engine.paths import BaseDir
from spark_engine.types.options import LoadOptions, OptionsReport
from spark_engine.types.state import StateSnapshot, VariantChanged
from tests.gui.conftest import Stage, choose, until
from tests.gui.library import EVIL, FITS, LESS, OWN, state_of
from tests.gui.states import READY

LEFT = Qt.MouseButton.LeftButton
DEFAULT = LoadOptions(4096, 8, 0, 0, True, 0, False)
SAVED = LoadOptions(context=8192, pinned=True)


def report(saved: LoadOptions) -> OptionsReport:
    mine = {name: value for name, value in asdict(saved).items() if value is not None}
    return OptionsReport(saved, replace(DEFAULT, **mine), DEFAULT)


def fit_for(id: str, options: LoadOptions) -> Any:
    """As an engine answers: numbers have ranges, and more than 8k tokens do not fit."""
    if options.slots is not None and not 1 <= options.slots <= 64:
        text = f"slots is {options.slots}, but must be from 1 to 64."
        raise InvalidRequest("bad_option", "slots is out of range", text, param="slots")
    return replace(LESS if (options.context or 0) > 8192 else FITS, context=options.context or 0)


@pytest.fixture
async def panel(stage: Stage, base: BaseDir, qtbot: Any) -> OptionsPanel:
    """Opened by the menu, with what was saved."""
    stage.client.replies |= {
        "options": report(SAVED),
        "fit": fit_for,
        "set_options": lambda id, wanted: report(wanted),
    }
    stage.feed(StateSnapshot(state_of(folder=str(base.models))))
    stage.store.set_link(Connected(True))
    stage.window.go("models")
    page = stage.window.page
    assert isinstance(page, ModelsPage)
    row = page.cards["qwen"].rows[OWN]
    choose(qtbot, row, "Load options…")
    made = row.panels.options
    assert made is not None
    await until(lambda: made.badge.isVisible(), what="the fit of what is saved")
    return made


def field(panel: OptionsPanel, name: str) -> Any:
    return panel.table.lines[name].field


def asked(stage: Stage, name: str) -> list[Any]:
    return [call for call in stage.client.calls if call[0] == name]


async def test_the_three_layers_stand_apart(stage: Stage, panel: OptionsPanel) -> None:
    lines = panel.table.lines
    assert (field(panel, "context").text(), field(panel, "slots").text()) == ("8192", "")
    assert field(panel, "slots").placeholderText() == "8"
    assert [lines["context"].effective.text(), lines["context"].default.text()] == ["8k tokens", "4k tokens"]
    assert [lines["threads"].effective.text(), lines["keep_alive_s"].default.text()] == [
        "every core",
        "never",
    ]
    assert [lines["pinned"].effective.text(), lines["pinned"].default.text()] == ["yes", "no"]
    assert field(panel, "pinned").currentText() == "yes"
    assert field(panel, "prompt_lookup").currentText() == "not set"
    assert stage.window.focusWidget() is field(panel, "context")
    assert not panel.save.isEnabled(), "nothing was changed"
    assert panel.reset.isEnabled()
    told = [line.field.accessibleName() for line in lines.values()]
    assert all("Qwen" in name for name in told)
    assert len(set(told)) == len(told)


async def test_tab_goes_through_it_in_reading_order(panel: OptionsPanel, stage: Stage) -> None:
    page = stage.window.page
    assert isinstance(page, ModelsPage)
    row = page.cards["qwen"].rows[OWN]
    inside = [panel.cross, *(line.field for line in panel.table.lines.values()), panel.reset, panel.save]
    walked, here = [], row.more.nextInFocusChain()
    while len(walked) < len(inside):
        if here.focusPolicy() & Qt.FocusPolicy.TabFocus:
            walked.append(here)
        here = here.nextInFocusChain()
    assert walked == inside


async def test_the_fit_follows_what_is_typed(stage: Stage, panel: OptionsPanel, qtbot: Any) -> None:
    assert panel.badge.word == "fits"
    before = len(asked(stage, "fit"))
    field(panel, "context").clear()
    for key in "32k":
        qtbot.keyClicks(field(panel, "context"), key)
        await asyncio.sleep(0.02)
    await until(lambda: panel.badge.isVisible() and panel.badge.word == "fits with 8k context")
    assert "32k tokens" in panel.figures.text()
    assert len(asked(stage, "fit")) == before + 1, "not for every key"
    wanted = asked(stage, "fit")[-1]
    assert wanted[1] == OWN
    assert (wanted[2].context, wanted[2].pinned, wanted[2].slots) == (32768, True, 8)
    assert asked(stage, "set_options") == []


async def test_what_is_cleared_is_asked_about_as_the_settings_say(
    stage: Stage, panel: OptionsPanel, qtbot: Any
) -> None:
    before = len(asked(stage, "fit"))
    field(panel, "context").clear()
    await until(lambda: len(asked(stage, "fit")) > before)
    assert asked(stage, "fit")[-1][2].context == 4096


async def test_what_is_wrong_is_said_at_its_field(stage: Stage, panel: OptionsPanel, qtbot: Any) -> None:
    qtbot.keyClicks(field(panel, "threads"), "many")
    trouble = panel.table.lines["threads"].trouble
    assert (trouble.isVisible(), trouble.text()) == (True, "This is not a whole number.")
    assert panel.badge.isHidden()
    assert not panel.save.isEnabled()
    field(panel, "threads").clear()
    assert trouble.isHidden()
    qtbot.keyClicks(field(panel, "slots"), "900")
    shown = panel.table.lines["slots"].trouble
    await until(shown.isVisible)
    assert shown.text() == "Requests at once is 900, but must be from 1 to 64."
    assert not panel.save.isEnabled()
    field(panel, "slots").setText("4")
    assert shown.isHidden()
    assert panel.save.isEnabled()


async def test_saving_and_forgetting(stage: Stage, panel: OptionsPanel, qtbot: Any) -> None:
    field(panel, "keep_alive_s").setText("600")
    field(panel, "pinned").setCurrentIndex(2)
    qtbot.mouseClick(panel.save, LEFT)
    assert not panel.save.isEnabled()
    await until(lambda: panel.told.text() == "Saved.")
    ((_, id, saved),) = asked(stage, "set_options")
    assert (id, saved) == (OWN, LoadOptions(context=8192, keep_alive_s=600, pinned=False))
    assert panel.table.lines["keep_alive_s"].effective.text() == "10 min 0 s"
    qtbot.mouseClick(panel.reset, LEFT)
    await until(lambda: not panel.reset.isEnabled() and field(panel, "context").text() == "")
    assert asked(stage, "set_options")[-1][2] == LoadOptions()


async def test_a_loaded_model_keeps_what_it_was_loaded_with(
    stage: Stage, panel: OptionsPanel, qtbot: Any
) -> None:
    stage.feed(VariantChanged(OWN, READY))
    field(panel, "context").setText("2048")
    qtbot.mouseClick(panel.save, LEFT)
    await until(lambda: "unload and load it" in panel.told.text())


async def test_a_refusal_to_save_is_told_and_nothing_is_lost(
    stage: Stage, panel: OptionsPanel, qtbot: Any
) -> None:
    stage.client.answers["set_options"] = InvalidRequest(
        "options_not_saved", "It could not be saved", "Full."
    )
    field(panel, "context").setText("2048")
    qtbot.mouseClick(panel.save, LEFT)
    await until(lambda: "It could not be saved" in panel.told.text())
    assert field(panel, "context").text() == "2048"
    assert panel.save.isEnabled()


async def test_esc_closes_it_and_the_menu_has_the_keyboard(
    stage: Stage, panel: OptionsPanel, qtbot: Any
) -> None:
    page = stage.window.page
    assert isinstance(page, ModelsPage)
    qtbot.keyClick(field(panel, "context"), Qt.Key.Key_Escape)
    assert panel.isVisible(), "the first Esc empties the field"
    qtbot.keyClick(field(panel, "context"), Qt.Key.Key_Escape)
    assert panel.isHidden()
    assert stage.window.focusWidget() is page.cards["qwen"].rows[OWN].more
    assert asked(stage, "set_options") == []


async def test_files_that_are_not_trusted_have_none(stage: Stage, panel: OptionsPanel, qtbot: Any) -> None:
    page = stage.window.page
    assert isinstance(page, ModelsPage)
    menu = page.cards["evil"].rows[EVIL]._menu()
    assert not {entry.key for entry in menu} & {"options", "convert"}


@pytest.mark.parametrize(
    ("text", "number"), [("4096", 4096), (" 8k ", 8192), ("32 768", 32768), ("1,024", 1024), ("", None)]
)
def test_numbers_as_people_type_them(text: str, number: int | None) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize("text", ["-1", "4.5", "k", "٤", "9" * 40, "1e3"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        read_number(text)


def test_values_in_words() -> None:
    assert option_words("context", 5000) == "5,000 tokens"
    assert option_words("cache_mb", 2048) == "2,048 MB"
    assert option_words("slots", None) == ""
    chosen = over_saved(LoadOptions(slots=2), SAVED, report(SAVED).effective, DEFAULT)
    assert (chosen.slots, chosen.context, chosen.pinned, chosen.threads) == (2, 4096, False, 0)
