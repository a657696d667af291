"""What the user decided about other programs' models: which Spark shall not show, and which it shall besides."""

from pathlib import Path

from msgspec import Struct

from spark_engine.errors import InvalidRequest
from spark_engine.paths import BaseDir
from spark_engine.records import read_record, write_record


class Choices(Struct, frozen=True, forbid_unknown_fields=True):
    """`hidden`: paths of found models that are not shown. `added`: files and folders that are looked into besides."""

    hidden: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def read_choices(base: BaseDir) -> Choices:
    """What was decided; nothing, with a log line, when the file cannot be read."""
    return read_record(_file(base), Choices, Choices())


def forget(base: BaseDir, path: str) -> None:
    """Do not show the found model at `path` any more; its files stay as they are. OSError when it cannot be kept."""
    known = read_choices(base)
    hidden = (*(p for p in known.hidden if p != path), path)
    write_record(_file(base), Choices(hidden, tuple(p for p in known.added if p != path)))


def adopt(base: BaseDir, path: str) -> None:
    """Show what lies at `path` again, or from now on: a model's path, or a folder with some in it.

    InvalidRequest when there is nothing; OSError when it cannot be kept.
    """
    place = Path(path).expanduser()
    if "\0" in path or not place.is_absolute() or not place.exists():
        raise InvalidRequest(
            "no_such_path",
            "There is nothing to adopt",
            f"{path[:200]!r} is no absolute path of a file or folder on this machine.",
            "Give the full path of a GGUF file, or of a folder with a model in it.",
            param="path",
        )
    known, text = read_choices(base), str(place)
    hidden = tuple(p for p in known.hidden if p != text and not Path(p).is_relative_to(place))
    added = known.added if text in known.added or hidden != known.hidden else (*known.added, text)
    write_record(_file(base), Choices(hidden, added))


def adopt_all(base: BaseDir) -> None:
    """Show every found model again."""
    write_record(_file(base), Choices((), read_choices(base).added))


def _file(base: BaseDir) -> Path:
    return base.state / "adopted.json"
