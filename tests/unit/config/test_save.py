"""Changing spark.toml: only the line that was meant, all or nothing, and refusals that name the key."""

import os
import stat
from pathlib import Path

import pytest

from spark_engine.config.load import load_config
from spark_engine.config.save import checked_changes, save_settings, saved_settings
from spark_engine.errors import Conflict, InvalidRequest, Unavailable

MINE = """# my settings
[server]  # the server
# the port I like
port = 9000   # not 8910
strange = "kept"

[elsewhere.deep]
list = [1, # one
  2]
[models]
default = 'phi'
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "spark.toml"
    written.write_text(MINE)
    return written


def test_only_the_meant_line_changes(file: Path) -> None:
    save_settings(file, {"server.port": 9001})
    assert file.read_text() == MINE.replace("port = 9000", "port = 9001")


def test_new_values_join_their_section_and_dropped_ones_leave_it(file: Path) -> None:
    save_settings(file, {"server.metrics_port": 0, "log.level": "debug", "models.default": None})
    text = file.read_text()
    assert "default" not in text
    assert "[models]" in text
    assert text.index("metrics_port = 0") < text.index("[elsewhere.deep]")
    assert text.endswith('[log]\nlevel = "debug"\n')
    for kept in ("# my settings", "# the port I like", "# not 8910", 'strange = "kept"', "# one"):
        assert kept in text


@pytest.mark.parametrize(
    "text",
    [
        "server.port = 1\nserver.max_body_mb = 9\n",
        "server = {port = 1, max_body_mb = 9}\n",
        "[server]\nport = 1\n[models]\n[server.more]\nx = 1\n",
        "",
    ],
)
def test_every_way_to_write_a_table_keeps_its_other_keys(tmp_path: Path, text: str) -> None:
    file = tmp_path / "spark.toml"
    file.write_text(text)
    before = saved_settings(file)
    save_settings(file, {"server.port": 2, "server.health_port": 0})
    assert saved_settings(file) == before | {"server.port": 2, "server.health_port": 0}


def test_what_is_saved_is_what_the_engine_reads(tmp_path: Path) -> None:
    file = tmp_path / "spark.toml"
    values = {"models.folders": 'C:\\a "b"\u00e9', "models.preload": False, "queue.max_waiting": 7}
    save_settings(file, checked_changes(values))
    config = load_config(file, {})
    assert {key: config[key] for key in values} == values
    assert {config.values[key].origin for key in values} == {"file"}


def test_the_file_keeps_its_place_and_its_mode(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    save_settings(link, {"server.port": 9002})
    assert link.is_symlink()
    assert "9002" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(f.name for f in tmp_path.iterdir()) == ["link.toml", "spark.toml"]


@pytest.mark.parametrize(
    ("key", "raw", "demand"),
    [
        ("server.port", 0, "a whole number from 1 to 65535"),
        ("server.port", "x", "a whole number from 1 to 65535"),
        ("server.port", 1.5, "a whole number"),
        ("server.port", True, "a whole number"),
        ("models.preload", "perhaps", "true or false"),
        ("log.level", "loud", "debug, info, warning, error"),
    ],
)
def test_wrong_values_are_refused_by_key(key: str, raw: object, demand: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked_changes({"models.slots": 4, key: raw})
    assert refused.value.param == key
    assert demand in refused.value.message


def test_a_setting_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked_changes({"server.prot": 1})
    assert (refused.value.code, refused.value.param) == ("unknown_setting", "server.prot")


def test_a_file_that_is_no_toml_stays_as_it_is(file: Path) -> None:
    file.write_text("[server\n")
    with pytest.raises(Conflict) as refused:
        save_settings(file, {"server.port": 1})
    assert refused.value.code == "settings_unreadable"
    assert file.read_text() == "[server\n"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_told(file: Path) -> None:
    file.parent.chmod(0o500)
    with pytest.raises(Unavailable) as refused:
        save_settings(file, {"server.port": 1})
    file.parent.chmod(0o700)
    assert refused.value.code == "settings_not_saved"


def test_a_place_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((Unavailable, Conflict)):
        save_settings(tmp_path / "file" / "spark.toml", {"server.port": 1})
