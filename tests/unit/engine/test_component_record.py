"""What is remembered of components survives a restart and never stops one."""

from collections.abc import Callable

from spark_engine.engine.component_record import Trial, read_trials, write_trials
from spark_engine.paths import BaseDir
from spark_engine.types.components import Broken, Verified

TRIALS = {
    "onnx": Trial("0123", Verified("1.31.1", "CPU")),
    "gguf": Trial(
        "4567", Broken("self_test_failed", "It crashed", "It crashed at once.", "Try again.", "SIGSEGV")
    ),
}


def test_what_is_written_is_read(base: BaseDir):
    write_trials(base, TRIALS)
    assert read_trials(base) == TRIALS


def test_nothing_is_known_at_first(base: BaseDir):
    assert read_trials(base) == {}


def test_a_damaged_file_is_ignored_and_named(base: BaseDir, expect_log: Callable[[str], None]):
    expect_log("components.json is ignored")
    (base.state / "components.json").write_text("{")
    assert read_trials(base) == {}


def test_no_temporary_file_stays(base: BaseDir):
    write_trials(base, TRIALS)
    write_trials(base, {})
    assert [f.name for f in base.state.iterdir()] == ["components.json"]
