"""Load options: the layers, ranges that name their field, and files that somebody spoilt."""

import os
from collections.abc import Callable

import pytest

from spark_engine.config.load import Config, load_config
from spark_engine.engine.load_options import SavedOptions, over
from spark_engine.errors import InvalidRequest, Unavailable
from spark_engine.paths import BaseDir
from spark_engine.types.options import LoadOptions


def config(base: BaseDir, **settings: int | bool) -> Config:
    return load_config(base.settings_file, {}, {k.replace("__", "."): v for k, v in settings.items()})


def test_a_variants_own_options_stand_over_its_models_and_those_over_the_settings(base: BaseDir) -> None:
    options = SavedOptions(config(base, models__slots=3), base)
    options.save("phi", LoadOptions(context=2048, pinned=True))
    options.save("phi:q4", LoadOptions(context=1024, threads=2))
    assert options.effective("phi:q4") == LoadOptions(1024, 3, 2, 0, True, 0, True, True)
    assert options.effective("phi:q8") == LoadOptions(2048, 3, 0, 0, True, 0, True, True)
    assert options.effective("nano:q8").context == 4096
    report = options.report("phi:q4")
    assert report.saved == LoadOptions(context=1024, threads=2)
    assert report.effective == options.effective("phi:q4")
    assert (report.default.slots, report.default.context, report.default.pinned) == (3, 4096, False)


def test_what_was_saved_is_there_after_a_restart_until_it_is_forgotten(base: BaseDir) -> None:
    SavedOptions(config(base), base).save("phi", LoadOptions(keep_alive_s=60, pinned=False))
    again = SavedOptions(config(base), base)
    assert again.saved("phi") == LoadOptions(keep_alive_s=60, pinned=False)
    again.save("phi", LoadOptions())
    assert SavedOptions(config(base), base).saved("phi") == LoadOptions()


@pytest.mark.parametrize(
    "options, field",
    [
        (LoadOptions(context=127), "context"),
        (LoadOptions(context=131073), "context"),
        (LoadOptions(slots=0), "slots"),
        (LoadOptions(threads=-1), "threads"),
        (LoadOptions(cache_mb=-1), "cache_mb"),
        (LoadOptions(keep_alive_s=604801), "keep_alive_s"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name_and_changes_nothing(
    base: BaseDir, options: LoadOptions, field: str
) -> None:
    saved = SavedOptions(config(base), base)
    with pytest.raises(InvalidRequest) as refused:
        saved.save("phi", options)
    assert refused.value.param == field
    assert field in refused.value.message
    assert saved.saved("phi") == LoadOptions()


def test_the_ends_of_the_ranges_are_allowed(base: BaseDir) -> None:
    saved = SavedOptions(config(base), base)
    saved.save("phi", LoadOptions(context=128, slots=64, threads=0, cache_mb=0, keep_alive_s=0))
    assert saved.saved("phi").slots == 64


def test_whether_the_context_was_chosen(base: BaseDir) -> None:
    saved = SavedOptions(config(base), base)
    assert not saved.chose_context("phi:q4")
    saved.save("phi", LoadOptions(context=512))
    assert saved.chose_context("phi:q4")
    assert SavedOptions(config(base, models__context=4096)).chose_context("nano:q8")


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"phi": {"contxt": 1}}', b'{"phi": {"context": "big"}}', b"\xff"]
)
def test_a_spoilt_file_is_a_problem_set_aside_and_no_crash(
    base: BaseDir, text: bytes, expect_log: Callable[[str], None]
) -> None:
    expect_log("is ignored")
    file = base.state / "load_options.json"
    file.write_bytes(text)
    options = SavedOptions(config(base), base)
    assert options.problem is not None
    assert options.problem.id == "load_options_unreadable"
    options.save("phi", LoadOptions(context=512))
    assert (base.state / "load_options.json.unreadable").read_bytes() == text
    assert SavedOptions(config(base), base).saved("phi").context == 512


def test_an_entry_out_of_range_is_left_out_of_an_edited_file(
    base: BaseDir, expect_log: Callable[[str], None]
) -> None:
    expect_log("are ignored")
    (base.state / "load_options.json").write_text('{"phi": {"slots": 0}, "nano": {"slots": 2}, "../x": {}}')
    options = SavedOptions(config(base), base)
    assert (options.saved("phi"), options.saved("nano")) == (LoadOptions(), LoadOptions(slots=2))
    assert options.problem is None


@pytest.mark.skipif(os.name == "nt", reason="a folder in the file's place is refused otherwise there")
def test_what_cannot_be_written_is_said(base: BaseDir) -> None:
    options = SavedOptions(config(base), base)
    (base.state / "load_options.json").mkdir()
    with pytest.raises(Unavailable) as refused:
        options.save("phi", LoadOptions(slots=2))
    assert refused.value.code == "options_not_saved"
    assert options.saved("phi") == LoadOptions()


def test_without_a_folder_options_last_as_long_as_the_process(base: BaseDir) -> None:
    options = SavedOptions(config(base))
    options.save("phi", LoadOptions(slots=2))
    assert options.effective("phi:q4").slots == 2
    assert not (base.state / "load_options.json").exists()


def test_over_keeps_what_is_said_below() -> None:
    assert over(LoadOptions(slots=2, pinned=True), LoadOptions(pinned=False)) == LoadOptions(
        slots=2, pinned=False
    )
