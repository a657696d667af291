"""Finds files of models that lie here more than once; what has to be read for it is read in a child process."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from spark_engine.catalog.duplicates import duplicate_groups, hashes_of, stored_files, to_hash
from spark_engine.catalog.hashes import Known, read_hashes, remember
from spark_engine.catalog.hashing import Hashed, HashMessage, NotHashed, Reading
from spark_engine.engine import leashed_process
from spark_engine.paths import BaseDir
from spark_engine.types.duplicates import DuplicateGroup
from spark_engine.types.models import ModelEntry

log = logging.getLogger(__name__)
_AT_A_TIME = 20
_MESSAGE = msgspec.json.Decoder(HashMessage)


Report = Callable[[int, int], None]
"""Told how many bytes were read, of how many."""


async def find_duplicates(
    base: BaseDir, models: Iterable[ModelEntry], report: Report = lambda done, total: None
) -> list[DuplicateGroup]:
    """The groups of equal files among the installed models. Takes as long as reading every file that has the size of
    another one and no known hash, once; hashes are remembered. Cancelling ends the child."""
    files = await asyncio.to_thread(stored_files, list(models))
    remembered = await asyncio.to_thread(read_hashes, base)
    known = await asyncio.to_thread(hashes_of, files, remembered)
    unknown = to_hash(files, known)
    sizes = {file.real: file.size for file in files}
    total = sum(sizes[path] for path in unknown)
    for start in range(0, len(unknown), _AT_A_TIME):
        before = sum(sizes[path] for path in unknown[:start])
        new = await hash_files(unknown[start : start + _AT_A_TIME], _adding(before, total, sizes, report))
        await asyncio.to_thread(remember, base, new)
        known |= {path: hashed.sha256 for path, hashed in new.items()}
    return duplicate_groups(files, known)


async def hash_files(
    paths: Sequence[str], on_bytes: Callable[[str, int | None], None] = lambda path, done: None
) -> dict[str, Known]:
    """The hashes of these files, with the fingerprints they had; those that cannot be read are left out. `on_bytes` is
    told a path and how many bytes of it were read (None: it is done with)."""
    hashes: dict[str, Known] = {}

    def on_line(line: str) -> None:
        try:
            message = _MESSAGE.decode(line)
        except msgspec.MsgspecError:
            log.info("hashing: %s", line)
            return
        match message:
            case Reading(path, done):
                on_bytes(path, done)
            case Hashed(path, stamp, sha256):
                hashes[path] = Known(stamp, sha256)
                on_bytes(path, None)
            case NotHashed(path, reason):
                log.info("%s was not hashed: %s", path, reason)
                on_bytes(path, None)

    ended = await leashed_process.run([sys.executable, "-m", "spark_engine.catalog.hashing", *paths], on_line)
    if not ended.succeeded:
        log.warning("hashing files ended early: %s", ended)
    return hashes


def _adding(
    before: int, total: int, sizes: Mapping[str, int], report: Report
) -> Callable[[str, int | None], None]:
    """Adds up what was read of the files of one child; `before` it were so many bytes."""
    finished = before

    def add(path: str, done: int | None) -> None:
        nonlocal finished
        if done is None:
            finished += sizes.get(path, 0)
        report(finished + (done or 0), total)

    return add
