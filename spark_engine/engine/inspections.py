"""Inspects models in a child process with limits, and remembers the verdicts while their files stay as they are."""

import asyncio
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from spark_engine.catalog.inspect import Answered, Found, chosen, unspeakable
from spark_engine.catalog.verdicts import verdict_on
from spark_engine.engine.inspection_record import (
    FileState,
    Remembered,
    files_state,
    read_record,
    write_record,
)
from spark_engine.engine.leashed_process import Ended, run
from spark_engine.paths import BaseDir, resources
from spark_engine.types.inspection import Rejected, Verdict
from spark_engine.types.models import ModelFormat

log = logging.getLogger(__name__)
PATIENCE_S = 60.0
"""So long a child may say nothing."""
MOST_PATHS, MOST_CHARS = 64, 16_000
"""For one child's command line."""
_PASSING = frozenset(("inspection_failed", "unreadable", "no_access", "too_slow"))
"""Verdicts that may be others next time though the files are the same."""
_MESSAGE: msgspec.json.Decoder[Found | Answered] = msgspec.json.Decoder(Found | Answered)


class Inspections:
    """Verdicts on models by path. `roots` are folders that links in a model may lead into; Spark's own resources are
    always one."""

    def __init__(self, base: BaseDir, *, patience_s: float = PATIENCE_S) -> None:
        self._base, self._patience_s = base, patience_s
        self._remembered = read_record(base)
        self._turn = asyncio.Lock()

    def known(self, path: str, roots: Sequence[str] = ()) -> Verdict | None:
        """The one verdict on the model at `path`; None when its files have not been inspected as they are."""
        verdicts = self.known_all(path, roots)
        return chosen(verdicts) if verdicts else None

    def last(self, path: str, model_format: ModelFormat) -> Verdict | None:
        """What was said of the model of a format at `path` when it was last read, without a look at its files."""
        found = self._remembered.get(path)
        return verdict_on(path, model_format, lambda path, roots: found.verdicts) if found else None

    def known_all(self, path: str, roots: Sequence[str] = ()) -> tuple[Verdict, ...] | None:
        """The verdicts on all models at `path`; None when its files have not been inspected as they are."""
        found = self._remembered.get(path)
        if found is None or found.roots != _sorted(roots):
            return None
        return found.verdicts if found.files == files_state(Path(path)) else None

    async def inspect(self, path: str, roots: Sequence[str] = ()) -> Verdict:
        """The one verdict on the model at `path`."""
        return chosen((await self.inspect_all([path], roots))[0])

    async def inspect_all(self, paths: Sequence[str], roots: Sequence[str] = ()) -> list[tuple[Verdict, ...]]:
        """For each path the verdicts on all models there, in the order of the paths. Those that are not known are read
        one after the other in a child process."""
        async with self._turn:
            known = await asyncio.to_thread(lambda: {path: self.known_all(path, roots) for path in paths})
            refused = {path: (verdict,) for path in paths if (verdict := unspeakable(path))}
            unknown = [path for path in dict.fromkeys(paths) if known[path] is None and path not in refused]
            fresh = await self._read(unknown, _sorted(roots))
        return [known[path] or refused.get(path) or fresh[path] for path in paths]

    async def _read(self, paths: list[str], roots: tuple[str, ...]) -> dict[str, tuple[Verdict, ...]]:
        """What the files say, whether or not it is remembered."""
        told: dict[str, tuple[Verdict, ...]] = {}
        before = await asyncio.to_thread(lambda: {path: files_state(Path(path)) for path in paths})
        for some in _batches(paths):
            while waiting := [path for path in some if path not in told]:
                told |= await _ask(waiting, roots, self._patience_s)
        if paths:
            await self._remember(told, before, roots)
        return told

    async def _remember(
        self,
        told: dict[str, tuple[Verdict, ...]],
        before: dict[str, tuple[FileState, ...]],
        roots: tuple[str, ...],
    ) -> None:
        """The files' states are those from before they were read: what changed meanwhile is read again."""
        for path, verdicts in told.items():
            self._remembered.pop(path, None)
            if not any(isinstance(verdict, Rejected) and verdict.code in _PASSING for verdict in verdicts):
                self._remembered[path] = Remembered(roots, before[path], verdicts)
        try:
            await asyncio.to_thread(write_record, self._base, dict(self._remembered))
        except OSError as error:
            log.warning("verdicts on models cannot be remembered: %s", error)


async def _ask(paths: list[str], roots: tuple[str, ...], patience_s: float) -> dict[str, tuple[Verdict, ...]]:
    """What one child says. Where it breaks off, the path it was at is refused and those behind it are left out."""
    answers = _Answers(len(paths))
    failure = await _run(paths, roots, answers, patience_s)
    told = {
        path: tuple(answers.verdicts[index]) for index, path in enumerate(paths) if index in answers.complete
    }
    if len(told) < len(paths):
        culprit = next(path for path in paths if path not in told)
        log.warning("the inspection of %s failed: %s", culprit, failure)
        told[culprit] = (Rejected("inspection_failed", f"Reading it failed: {failure}.", path=culprit),)
    return told


class _Answers:
    """What a child has said so far about each of its paths; `complete` are those it is done with."""

    def __init__(self, count: int) -> None:
        self.verdicts: list[list[Verdict]] = [[] for _ in range(count)]
        self.complete: set[int] = set()

    def take(self, line: str) -> None:
        """One line of the child's output; what is no message is passed over."""
        try:
            message = _MESSAGE.decode(line)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            log.debug("an inspection printed %r", line[:200])
            return
        if not 0 <= message.index < len(self.verdicts):
            return
        if isinstance(message, Found):
            self.verdicts[message.index].append(message.verdict)
        elif self.verdicts[message.index]:
            self.complete.add(message.index)


async def _run(paths: list[str], roots: tuple[str, ...], answers: _Answers, patience_s: float) -> str:
    """Run a child to its end; why it did not answer everything, should it not."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(patience_s) as limit:

            def take(line: str) -> None:
                answers.take(line)
                limit.reschedule(loop.time() + patience_s)

            ended: Ended = await run(_command(paths, roots), take)
    except TimeoutError:
        return f"it said nothing for {patience_s:g} s"
    except OSError as error:
        return f"no process could be started ({error.strerror})"
    return (
        f"the process that read it {ended}"
        if not ended.succeeded
        else "the process that read it said too little"
    )


def _command(paths: list[str], roots: tuple[str, ...]) -> list[str]:
    given = [argument for root in (str(resources()), *roots) for argument in ("--root", root)]
    return [sys.executable, "-m", "spark_engine.catalog.inspect", "--numbered", *given, "--", *paths]


def _batches(paths: Iterable[str]) -> Iterator[list[str]]:
    """As many at a time as fit into a command line."""
    batch: list[str] = []
    for path in paths:
        if batch and (len(batch) == MOST_PATHS or sum(map(len, batch)) + len(path) > MOST_CHARS):
            yield batch
            batch = []
        batch.append(path)
    if batch:
        yield batch


def _sorted(roots: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(roots)))
