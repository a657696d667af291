"""Watches the folders in which models come and go, and says when something changed there."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from watchfiles import Change, awatch

log = logging.getLogger(__name__)
QUIET_MS = 400
"""Changes count as over when nothing happened for so long; also how often the watch looks up while all is quiet."""
MOST_MS = 20_000
"""While a file is written for longer than that, so often at most."""
LOOK_AGAIN_MS = 60_000
"""How often it is seen whether a folder that was missing is there now."""
_PARTIAL = (".part", ".partial", ".incomplete", ".lock", ".tmp", ".aria2", ".crdownload", ".metadata")

_Present = frozenset[tuple[str, int, int]]
"""Folders that are there, as path, device and number: one that was made anew is another one."""


class FolderWatch:
    """Calls `on_change` in the event loop after files were added, changed or deleted below the folders.

    `folders` is asked again every minute and after every change: the folders may be others then, and need not be
    there. Where the system cannot watch (too many folders), this is logged once and the watch is over.
    """

    def __init__(self, folders: Callable[[], Iterable[Path]], on_change: Callable[[], None]) -> None:
        self._folders, self._on_change = folders, on_change

    async def run(self) -> None:
        """Watch until cancelled; for `tasks.create_task`."""
        try:
            watched = await self._present()
            while True:
                now = await self._watched(watched) if watched else await self._later()
                if now != watched:
                    self._on_change()
                watched = now
        except (OSError, RuntimeError) as error:
            log.warning("folders of models are not watched any more: %s", error)

    async def _watched(self, watched: _Present) -> _Present:
        """Watch these folders; returns those there are as soon as they are others."""
        stop = asyncio.Event()
        changes = awatch(
            *(path for path, _, _ in sorted(watched)),
            watch_filter=_matters,
            debounce=MOST_MS,
            step=QUIET_MS,
            stop_event=stop,
            rust_timeout=LOOK_AGAIN_MS,
            yield_on_timeout=True,
            force_polling=False,
            ignore_permission_denied=True,
        )
        try:
            async for changed in changes:
                if (now := await self._present()) != watched:
                    return now
                if changed:
                    self._on_change()
        finally:
            stop.set()
            await changes.aclose()
        return await self._present()

    async def _later(self) -> _Present:
        await asyncio.sleep(LOOK_AGAIN_MS / 1000)
        return await self._present()

    async def _present(self) -> _Present:
        return await asyncio.to_thread(lambda: frozenset(_identified(self._folders())))


def _identified(folders: Iterable[Path]) -> Iterator[tuple[str, int, int]]:
    for folder in folders:
        try:
            found = os.stat(folder)
        except (OSError, ValueError):
            continue
        if folder.is_dir():
            yield str(folder), found.st_dev, found.st_ino


def _matters(change: Change, path: str) -> bool:
    """Files that somebody is still fetching are no models yet; that they get their real names is a change."""
    name = os.path.basename(path)
    return not name.startswith((".", "incomplete-")) and not name.endswith(_PARTIAL)
