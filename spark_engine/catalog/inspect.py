"""Says of the models at a path whether their files are in order and what they are; as a program, one verdict a line.

`python -m spark_engine.catalog.inspect PATH [--root R]…` prints a verdict as JSON for every model at PATH. It sets its
own limits of memory and time, because the files it reads may be made to harm whoever reads them.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from spark_engine.catalog.formats.candidates import Candidate, candidates
from spark_engine.catalog.formats.limits import limit_process, limited_time
from spark_engine.catalog.formats.refusal import Refused, shown
from spark_engine.types.inspection import Inspection, Rejected, Verdict

RULES = 1
"""Counts up when other verdicts are given than before, so that remembered ones are dropped."""


class Found(Struct, frozen=True, tag="found"):
    """A verdict on the path that was asked for as the `index`-th."""

    index: int
    verdict: Verdict


class Answered(Struct, frozen=True, tag="answered"):
    """All verdicts on the `index`-th path have been told."""

    index: int


def inspect(path: Path | str, roots: Iterable[Path | str] = ()) -> Verdict:
    """The verdict on the model at `path`, a file or a folder. Links may lead into the folders `roots`."""
    return chosen(inspect_all(path, roots))


def inspect_all(path: Path | str, roots: Iterable[Path | str] = ()) -> tuple[Verdict, ...]:
    """The verdicts on all models at `path`, the formats that Spark likes best first; at least one."""
    refused = unspeakable(str(path))
    if refused is not None:
        return (refused,)
    place, stores = Path(path), tuple(Path(root) for root in roots)
    found: list[Candidate] = []
    failed = _guarded(lambda: found.extend(candidates(place, stores)))
    if failed is not None:
        return (replace(failed, path=str(place)),)
    return tuple(_verdict(candidate) for candidate in found)


def chosen(verdicts: Sequence[Verdict]) -> Verdict:
    """The one verdict on a path: that of the best format. Several files or folders with models are refused."""
    first, *others = verdicts
    apart = [other for other in others if other.format == first.format or _folder(other) != _folder(first)]
    if not apart:
        return first
    reason = f"There are {len(apart) + 1} models at this path; choose one of them."
    return Rejected("several_models", reason, path=str(_folder(first)))


def unspeakable(path: str) -> Rejected | None:
    """The verdict on a path that cannot be written in JSON, or not be given to a program."""
    try:
        if path and "\0" not in path and path.encode():
            return None
    except UnicodeEncodeError:
        pass
    return Rejected("unsafe_path", "Its path has characters that are no text.", shown(path, 80))


def _folder(verdict: Verdict) -> Path:
    """Where the model's files lie."""
    path = Path(verdict.path)
    is_file = verdict.format in ("gguf", None) or path.suffix == ".onnx"
    return path.parent if is_file else path


def _verdict(candidate: Candidate) -> Verdict:
    made: list[Inspection] = []
    failed = _guarded(lambda: made.append(candidate.read()))
    if failed is None:
        return made[0]
    return replace(failed, path=str(candidate.path), format=candidate.format)


def _guarded(work: Callable[[], None]) -> Rejected | None:
    """Do it; whatever goes wrong with hostile files becomes a reason."""
    try:
        with limited_time():
            work()
    except Refused as refused:
        return refused.verdict()
    except OSError as error:
        return Rejected("no_access", f"It cannot be read: {shown(error.strerror or 'unknown error', 80)}.")
    except (MemoryError, RecursionError):
        return Rejected("too_large", "Reading it takes more memory than any model does.")
    except Exception as error:
        return Rejected("unreadable", f"It cannot be read ({type(error).__name__}).")
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the verdicts; always 0, for a refusal is an answer too."""
    parser = argparse.ArgumentParser(prog="spark_engine.catalog.inspect", description=__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a model's folder or file")
    parser.add_argument("--root", action="append", default=[], help="a folder that links may lead into")
    parser.add_argument("--numbered", action="store_true", help="say which path each verdict is on")
    given = parser.parse_args(arguments)
    limit_process()
    for index, path in enumerate(given.paths):
        for verdict in inspect_all(path, given.root):
            _print(Found(index, verdict) if given.numbered else verdict)
        if given.numbered:
            _print(Answered(index))
    return 0


def _print(message: Struct) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
