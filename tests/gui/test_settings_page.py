"""The Settings page: made from the engine's list, checked while one types, saved in one step, restart where needed."""

from typing import Any

import pytest
from PySide6.QtCore import Qt

from app.dashboard.setting_row import SettingRow
from app.dashboard.settings_page import SettingsPage
from app.link import Connected, Stopped
from app.widgets.choice import Choice
from app.widgets.field import Field
from spark_engine.config.schema import SECTIONS, SETTINGS, setting
from spark_engine.errors import Conflict, InvalidRequest
from spark_engine.types.settings import Origin, SettingEntry, SettingValue
from spark_engine.types.state import SettingsChanged
from tests.gui.conftest import Stage, until

LEFT = Qt.MouseButton.LeftButton


def entry(
    key: str,
    value: SettingValue,
    origin: Origin = "default",
    saved: SettingValue | None = None,
    where: str = "",
) -> SettingEntry:
    known = setting(key)
    return SettingEntry(value, origin, known, SECTIONS[known.section], saved, where)


def entries(*others: SettingEntry) -> dict[str, SettingEntry]:
    found = {s.key: entry(s.key, s.default) for s in SETTINGS if s.section in SECTIONS}
    return found | {other.setting.key: other for other in others}


@pytest.fixture
def page(stage: Stage, qtbot: Any) -> SettingsPage:
    stage.store.set_link(Connected(True))
    stage.window.go("settings")
    shown = stage.window.page
    assert isinstance(shown, SettingsPage)
    shown._take(entries())
    qtbot.waitUntil(lambda: list(shown.rows) == list(entries()), timeout=5000)
    return shown


def write(qtbot: Any, row: SettingRow, text: str) -> None:
    assert isinstance(row.field, Field)
    row.field.selectAll()
    qtbot.keyClicks(row.field, text)


def choose(row: SettingRow, value: SettingValue) -> None:
    assert isinstance(row.field, Choice)
    row.field.setCurrentIndex(row.field.findData(value))
    row.field.activated.emit(row.field.currentIndex())


def test_every_setting_is_there_with_its_words_and_its_kind_of_field(page: SettingsPage) -> None:
    assert list(page.rows) == list(entries())
    for row in page.rows.values():
        known = row.entry.setting
        assert known.name in row.field.accessibleName()
        assert isinstance(row.field, Choice) is bool(known.choices or isinstance(known.default, bool))
        assert row.chip.word == "default"
        assert row.reset.isHidden()
    assert page.bar.isHidden()


def test_what_the_file_cannot_change_is_locked_with_the_reason(page: SettingsPage) -> None:
    page._take(
        entries(
            entry("server.port", 9009, "argument", where="an argument of `spark serve`"),
            entry("log.level", "debug", "environment", "error", "the environment variable SPARK_LOG_LEVEL"),
            entry("models.slots", 4, "file", 4),
        )
    )
    port, level, slots = (page.rows[key] for key in ("server.port", "log.level", "models.slots"))
    assert [row.chip.word for row in (port, level, slots)] == ["argument", "environment", "spark.toml"]
    assert [row.field.isEnabled() for row in (port, level, slots)] == [False, False, True]
    assert [row.raw for row in (port, level, slots)] == ["9009", "debug", "4"]
    assert "SPARK_LOG_LEVEL" in level.effect.text()
    assert port.reset.isHidden()
    assert not slots.reset.isHidden()


@pytest.mark.parametrize("text", ["0", "65536", "80x", "", "-1", "1.5"])
def test_what_is_wrong_is_said_while_one_types_and_cannot_be_saved(
    page: SettingsPage, qtbot: Any, text: str
) -> None:
    row = page.rows["server.port"]
    write(qtbot, row, text or " ")
    assert row.trouble.text() == "This must be a whole number from 1 to 65535."
    assert not page.bar.save.isEnabled()
    write(qtbot, row, "8911")
    assert row.trouble.isHidden()
    assert page.bar.save.isEnabled()
    write(qtbot, row, "8910")
    assert page.bar.isHidden()


async def test_saving_sends_what_changed_and_shows_what_follows(
    stage: Stage, page: SettingsPage, qtbot: Any
) -> None:
    saved = entries(
        entry("server.port", 8910, "default", 9000),
        entry("models.preload", False, "file", False),
        entry("log.level", "info", "default"),
    )
    page._take(entries(entry("log.level", "debug", "file", "debug")))
    write(qtbot, page.rows["server.port"], "9000")
    choose(page.rows["models.preload"], False)
    qtbot.mouseClick(page.rows["log.level"].reset, LEFT)
    assert page.bar.words.text() == "3 changes are not saved."
    asked: list[object] = []

    async def change_settings(changes: object) -> object:
        asked.append(changes)
        return saved

    stage.client.change_settings = change_settings
    qtbot.mouseClick(page.bar.save, LEFT)
    await until(lambda: page.bar.save.isHidden())
    assert asked == [{"server.port": 9000, "models.preload": False, "log.level": None}]
    assert page.bar.words.text() == "Saved. Port: after a restart."
    assert page.rows["server.port"].raw == "9000"
    assert "8910 until the engine is restarted" in page.rows["server.port"].effect.text()
    qtbot.mouseClick(page.bar.follow, LEFT)
    await until(lambda: stage.link.restarts == 1)


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("bad_setting", "Wrong", "Not this port.", param="server.port"),
        Conflict("settings_unreadable", "The file is broken", "Line 3.", "Correct it."),
    ],
)
async def test_a_refusal_stands_where_it_belongs_and_nothing_typed_is_lost(
    stage: Stage, page: SettingsPage, qtbot: Any, error: Exception
) -> None:
    stage.client.answers["change_settings"] = error
    row = page.rows["server.port"]
    write(qtbot, row, "9000")
    qtbot.mouseClick(page.bar.save, LEFT)
    if isinstance(error, InvalidRequest):
        await until(lambda: row.trouble.text() == "Not this port.")
    else:
        await until(lambda: page.bar.words.text() == "The file is broken. Line 3. Correct it.")
    assert row.raw == "9000"
    assert not page.bar.isHidden()


def test_discarding_takes_everything_back(page: SettingsPage, qtbot: Any) -> None:
    write(qtbot, page.rows["server.port"], "wrong")
    choose(page.rows["hub.offline"], True)
    qtbot.mouseClick(page.bar.discard, LEFT)
    assert page.bar.isHidden()
    assert (page.rows["server.port"].raw, page.rows["hub.offline"].raw) == ("8910", False)
    assert page.rows["server.port"].trouble.isHidden()


async def test_a_change_from_elsewhere_appears_and_leaves_what_is_typed(
    stage: Stage, page: SettingsPage, qtbot: Any
) -> None:
    write(qtbot, page.rows["server.port"], "9000")
    stage.client.replies["settings"] = entries(
        entry("models.slots", 3, "file", 3), entry("server.port", 8910, "default", 7000)
    )
    stage.feed(SettingsChanged(1))
    await until(lambda: page.rows["models.slots"].raw == "3")
    assert page.rows["server.port"].raw == "9000"
    asked = stage.client.calls.count(("settings",))
    stage.feed(SettingsChanged(1))
    assert stage.client.calls.count(("settings",)) == asked


def test_finding_by_name_key_or_sentence(page: SettingsPage, qtbot: Any) -> None:
    qtbot.keyClicks(page.finder, "parallel_files")
    assert [key for key, row in page.rows.items() if row.isVisibleTo(page)] == ["hub.parallel_files"]
    page.finder.setText("no such thing")
    assert "no such thing" in page.nothing.text()
    page.finder.clear()
    assert all(row.isVisibleTo(page) for row in page.rows.values())


async def test_waiting_broken_and_stopped(stage: Stage, qtbot: Any) -> None:
    stage.client.answers["settings"] = Conflict("x", "No", "Why.", "Do.")
    stage.store.set_link(Connected(True))
    stage.window.go("settings")
    page = stage.window.page
    assert isinstance(page, SettingsPage)
    await until(lambda: page.empty._text.text() == "Why. Do.")
    assert page.empty.button.isVisible()
    del stage.client.answers["settings"]
    stage.client.replies["settings"] = entries()
    qtbot.mouseClick(page.empty.button, LEFT)
    await until(lambda: page.is_live)
    stage.store.set_link(Stopped())
    assert not page.is_live
    assert "spark.toml" in page.empty._text.text()
