"""`spark config set` and `unset`: in the file while no engine runs, through the engine while one does."""

from pathlib import Path

import pytest

from tests.integration.test_cli_commands import as_json, refused, spark
from tests.support.served import serve


def test_without_an_engine_the_file_is_changed(tmp_path: Path) -> None:
    (tmp_path / "spark.toml").write_text("# mine\n")
    assert as_json(spark(tmp_path, "config", "set", "queue.max_waiting", "7", "--json"))["value"] == 7
    assert (tmp_path / "spark.toml").read_text().startswith("# mine\n")
    assert as_json(spark(tmp_path, "config", "show", "--json"))["queue.max_waiting"]["origin"] == "file"
    told = spark(tmp_path, "config", "unset", "queue.max_waiting")
    assert "queue.max_waiting is 256" in told.stdout
    assert "when the engine starts" in told.stderr
    assert "max_waiting" not in (tmp_path / "spark.toml").read_text()


def test_a_variable_that_stands_over_the_file_is_told(tmp_path: Path) -> None:
    told = spark(tmp_path, "config", "set", "log.level", "error", SPARK_LOG_LEVEL="info")
    assert told.returncode == 0
    assert "SPARK_LOG_LEVEL" in told.stderr


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [("server.port", "0", "bad_setting"), ("server.prot", "1", "unknown_setting")],
)
def test_what_is_wrong_is_refused_and_nothing_written(
    tmp_path: Path, key: str, value: str, code: str
) -> None:
    assert refused(spark(tmp_path, "config", "set", key, value, "--json")) == code
    assert not (tmp_path / "spark.toml").exists()


def test_a_running_engine_knows_at_once(tmp_path: Path) -> None:
    with serve(tmp_path, models_preload="false") as served:
        told = spark(tmp_path, "config", "set", "log.level", "debug")
        assert "It is in effect" in told.stderr
        assert served.state().settings_changes == 1
        assert (
            as_json(spark(tmp_path, "config", "set", "server.max_body_mb", "9", "--json"))["restart"] is True
        )
        locked = spark(tmp_path, "config", "set", "models.preload", "true", "--json")
        assert refused(locked) == "setting_locked"
        text = (tmp_path / "spark.toml").read_text()
    assert 'level = "debug"' in text
    assert "preload" not in text
