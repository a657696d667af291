"""Where log records go: a rotating file and stderr, with times in UTC, without secrets and without the user's name."""

import logging
import os
import re
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal

Role = Literal["engine", "runner", "app"]
LEVEL_VARIABLE = "SPARK_LOG_LEVEL"
"""Tells a runner how much to say: the environment variable of the setting `log.level`."""
MAX_BYTES, KEPT_FILES = 5 * 1024 * 1024, 3
_SECRETS = (
    re.compile(r"(?i)(bearer\s+)[^\s\"',;]+"),
    re.compile(r"(?i)((?:token|api[_-]?key|secret|password)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"),
    re.compile(r"()\b(?:sk|hf)[-_][A-Za-z0-9_-]{8,}"),
)
_CHATTY = ("asyncio", "httpcore", "httpx", "uvicorn", "PIL", "urllib3", "huggingface_hub", "watchfiles")
_HOME = os.path.expanduser("~")
_HOME_PATH = re.compile(rf"{re.escape(_HOME)}(?![\w.-])", re.I if sys.platform == "win32" else 0)


def setup(role: Role, folder: Path | None, level: str = "info", *, stderr: bool = True) -> None:
    """Send this process's records to `<folder>/<role>.log` (None: no file), warnings to stderr too.

    OSError when the file cannot be opened. Replaces what an earlier call set up.
    """
    close()
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _add(RotatingFileHandler(folder / f"{role}.log", "a", MAX_BYTES, KEPT_FILES, encoding="utf-8"), role)
    if stderr and sys.stderr is not None:
        _add(logging.StreamHandler(), role)
    logging.captureWarnings(True)
    set_level(level)


def set_level(level: str) -> None:
    """Let this process's records say more or less from now on."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for handler in root.handlers:
        if isinstance(handler.formatter, Redacting) and not isinstance(handler, RotatingFileHandler):
            handler.setLevel(_for_stderr(root.level, handler.formatter.role))


def current_level() -> str:
    """How much this process says, as the setting names it."""
    return logging.getLevelName(logging.getLogger().level).lower()


def close() -> None:
    """Take away what `setup` added."""
    logging.captureWarnings(False)
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h.formatter, Redacting)]:
        root.removeHandler(handler)
        handler.close()


def _for_stderr(level: int, role: Role) -> int:
    """Who looks at the terminal wants warnings; the file has the rest. All of it when debugging, and of a runner, whose
    stderr the engine reads."""
    return level if level <= logging.DEBUG or role == "runner" else max(level, logging.WARNING)


def _add(handler: logging.Handler, role: Role) -> None:
    handler.setFormatter(Redacting(role))
    logging.getLogger().addHandler(handler)


class Redacting(logging.Formatter):
    """One line per record, `2026-01-31T12:00:00.123Z engine INFO logger: message`; secrets are cut.

    A record that the engine passes on from a runner carries its own `part`.
    """

    default_msec_format = "%s.%03dZ"
    default_time_format = "%Y-%m-%dT%H:%M:%S"

    def __init__(self, role: Role) -> None:
        super().__init__("%(asctime)s %(part)s %(levelname)s %(name)s: %(message)s", defaults={"part": role})
        self.role = role

    def converter(self, seconds: float | None) -> time.struct_time:
        """Times are UTC."""
        return time.gmtime(seconds)

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, traceback included."""
        return redacted(super().format(record))


def redacted(text: str) -> str:
    """`text` with bearer tokens, keys and passwords replaced by `***`, and the user's home folder by `~`."""
    for pattern in _SECRETS:
        text = pattern.sub(r"\1***", text)
    return _HOME_PATH.sub("~", text) if len(_HOME) > 1 else text
