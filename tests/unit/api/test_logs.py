"""Logs: rotation, one line per record in UTC, and no secrets."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_engine import logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    logs.close()
    root.setLevel(level)
    logging.captureWarnings(False)


def written(folder: Path) -> str:
    return (folder / "engine.log").read_text()


def test_a_record_is_one_line_with_time_role_level_and_logger(tmp_path: Path) -> None:
    logs.setup("engine", tmp_path, stderr=False)
    logging.getLogger("spark_engine.x").info("hello %d", 5)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z engine INFO spark_engine\.x: hello 5\n", written(tmp_path)
    )


def test_setting_up_again_replaces_what_was_there(tmp_path: Path) -> None:
    logs.setup("engine", tmp_path, stderr=False)
    logs.setup("engine", tmp_path, "debug", stderr=False)
    logging.getLogger("spark_engine.x").debug("once")
    assert written(tmp_path).count("once") == 1


def test_libraries_do_not_chat(tmp_path: Path) -> None:
    logs.setup("engine", tmp_path, stderr=False)
    logging.getLogger("httpx").info("GET http://127.0.0.1/secret")
    assert written(tmp_path) == ""


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Authorization: Bearer abc.DEF-123_x", "Authorization: Bearer ***"),
        ('{"token": "abc123", "port": 5}', '{"token": "***", "port": 5}'),
        ("api_key=abc123&x=1", "api_key=***&x=1"),
        ("with hf_abcdefghijkl inside", "with *** inside"),
        ("with sk-abcdefghijkl inside", "with *** inside"),
        ("7 tokens per second", "7 tokens per second"),
        ("max_tokens: 5", "max_tokens: 5"),
    ],
)
def test_secrets_are_cut(said: str, kept: str) -> None:
    assert logs.redacted(said) == kept


def test_secrets_in_tracebacks_are_cut_too(tmp_path: Path) -> None:
    logs.setup("engine", tmp_path, stderr=False)
    try:
        raise ValueError("token=abc123")
    except ValueError:
        logging.getLogger("spark_engine.x").info("failed", exc_info=True)
    assert "abc123" not in written(tmp_path)
    assert "ValueError" in written(tmp_path)


def test_files_rotate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 500)
    logs.setup("engine", tmp_path, stderr=False)
    for number in range(100):
        logging.getLogger("spark_engine.x").info("line %d", number)
    files = sorted(f.name for f in tmp_path.iterdir())
    assert files == ["engine.log", "engine.log.1", "engine.log.2", "engine.log.3"]


def test_the_home_folder_is_not_named(tmp_path: Path) -> None:
    home = Path.home()
    assert logs.redacted(f"{home}/x and '{home}'") == "~/x and '~'"
    assert logs.redacted(f"{home}less {home}-2 {home}.old") == f"{home}less {home}-2 {home}.old"


def test_the_level_can_be_changed_at_any_time(tmp_path: Path) -> None:
    logs.setup("engine", tmp_path, stderr=False)
    logging.getLogger("spark_engine.x").debug("unheard")
    logs.set_level("debug")
    logging.getLogger("spark_engine.x").debug("heard")
    logging.getLogger("watchfiles.main").debug("chatter")
    assert logs.current_level() == "debug"
    assert [line.split()[-1] for line in written(tmp_path).splitlines()] == ["heard"]


def test_a_runner_tells_its_engine_all_and_a_terminal_only_warnings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for role, heard in (("runner", True), ("engine", False)):
        logs.setup(role, None)  # type: ignore[arg-type]
        logging.getLogger("spark_engine.x").info("a word")
        assert ("a word" in capsys.readouterr().err) is heard
