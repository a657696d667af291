"""Settings: the order of their sources, where a value came from, and refusals that name key and range."""

from pathlib import Path

import pytest

from spark_engine.config.load import load_config
from spark_engine.config.sample import sample_toml
from spark_engine.config.schema import SETTINGS
from spark_engine.errors import StartRefused


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "spark.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults_then_file_then_environment_then_arguments(tmp_path: Path) -> None:
    file = write(tmp_path, "[server]\nport = 1001\nhealth_port = 1002\nmetrics_port = 1003\n")
    environ = {"SPARK_SERVER_HEALTH_PORT": "2002", "SPARK_SERVER_METRICS_PORT": "2003"}
    config = load_config(file, environ, {"server.metrics_port": 3003})
    found = {key: (r.value, r.origin) for key, r in config.values.items() if key.startswith("server.")}
    assert found["server.port"] == (1001, "file")
    assert found["server.health_port"] == (2002, "environment")
    assert found["server.metrics_port"] == (3003, "argument")
    assert found["server.max_body_mb"] == (4, "default")


def test_without_a_file_everything_is_default(tmp_path: Path) -> None:
    config = load_config(tmp_path / "none.toml", {})
    assert {r.origin for r in config.values.values()} == {"default"}
    assert config.integer("server.port") == 8910
    assert config.flag("models.preload") is True
    assert config.text("log.level") == "info"


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("[server]\nport = 0\n", "server.port"),
        ("[server]\nport = 'x'\n", "whole number from 1 to 65535"),
        ("[server]\nport = true\n", "server.port"),
        ("[log]\nlevel = 'loud'\n", "debug, info, warning, error"),
        ("[models]\npreload = 'perhaps'\n", "true or false"),
        ("[server]\nprot = 1\n", "server.prot"),
        ("port = 1\n", "port"),
        ("[server\n", "cannot be read"),
    ],
)
def test_wrong_values_are_refused_by_name(tmp_path: Path, text: str, fragment: str) -> None:
    with pytest.raises(StartRefused) as refused:
        load_config(write(tmp_path, text), {})
    assert fragment in refused.value.message
    assert refused.value.remedy


def test_a_wrong_environment_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartRefused) as refused:
        load_config(tmp_path / "none.toml", {"SPARK_SERVER_PORT": "99999"})
    assert "SPARK_SERVER_PORT" in refused.value.message


def test_the_sample_with_its_comments_removed_is_exactly_the_defaults(tmp_path: Path) -> None:
    lines = sample_toml().splitlines()
    uncommented = "\n".join(line.removeprefix("# ") if " = " in line else line for line in lines)
    config = load_config(write(tmp_path, uncommented), {})
    assert {k: r.value for k, r in config.values.items()} == {s.key: s.default for s in SETTINGS}
