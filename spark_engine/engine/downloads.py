"""The downloads as the engine offers them: beginning, pausing, going on, dropping; each is work of a child process."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.download.job import Job, command, discard, write_job
from spark_engine.catalog.download.messages import Done, Failed, Listed, Message, Progress, parse_message
from spark_engine.engine.download_record import Kept, read_kept, write_kept
from spark_engine.engine.leashed_process import run
from spark_engine.errors import Conflict, NotFound
from spark_engine.paths import BaseDir
from spark_engine.tasks import cancel_and_wait, create_task
from spark_engine.types.downloads import (
    DownloadEntry,
    DownloadFailed,
    DownloadStatus,
    Fetched,
    Fetching,
    Paused,
    Preparing,
    is_running,
)
from spark_engine.types.state import DownloadChanged, DownloadDropped

log = logging.getLogger(__name__)
UNREACHABLE = "hub_unreachable"
Publish = Callable[[DownloadChanged | DownloadDropped], None]
NewJob = Callable[[str, CardVariant], Job]
Arrived = Callable[[str, bool], Awaitable[None]]


class Downloads:
    """Every download that was begun and not put away. One fetches at a time, in the order they were asked for.

    `new_job(variant id, its facts)` makes the work; `arrived(variant id, whether to load it)` is awaited before a
    download is told to be over.
    """

    def __init__(self, base: BaseDir, new_job: NewJob, publish: Publish, arrived: Arrived) -> None:
        self._base, self._new_job, self._publish, self._arrived = base, new_job, publish, arrived
        self._kept: dict[str, Kept] = {}
        self._entries: dict[str, DownloadEntry] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._child: asyncio.Task[Done | Failed] | None = None
        self._turn = asyncio.Lock()

    def restore(self) -> None:
        """Take up what an earlier engine left: what was not paused by its owner goes on."""
        for kept in read_kept(self._base):
            job = self._new_job(kept.job.id, kept.job.variant)
            self._kept[job.id] = current = replace(kept, job=job)
            self._set(replace(kept.entry, status=Paused()))
            if not kept.paused:
                self._start(current)

    def start(self, id: str, variant: CardVariant, *, load: bool) -> None:
        """Begin a download, or go on with it; one that runs goes on running."""
        before = self._entries.get(id)
        if before is not None and is_running(before):
            self._kept[id] = replace(self._kept[id], load=load or self._kept[id].load)
            return
        fresh = DownloadEntry(id, variant.repository, Preparing("waiting"), started_at=time.time())
        entry = fresh if before is None or isinstance(before.status, Fetched) else before
        self._start(Kept(self._new_job(id, variant), entry, load=load))

    def pause(self, id: str) -> None:
        """Stop a download and keep what was fetched. NotFound; Conflict when it does not run."""
        if not is_running(self._known(id)):
            raise Conflict("download_not_running", f"{id} is not being fetched", "There is nothing to pause.")
        self._keep(replace(self._kept[id], paused=True))
        self._tasks[id].cancel()

    def resume(self, id: str) -> None:
        """Go on with a download that was paused or failed. NotFound; Conflict when it runs or is over."""
        entry = self._known(id)
        if not isinstance(entry.status, Paused | DownloadFailed):
            raise Conflict("download_not_paused", f"{id} is not paused", "There is nothing to go on with.")
        self._start(replace(self._kept[id], entry=entry, paused=False))

    async def cancel(self, id: str) -> None:
        """Stop a download, delete what was fetched and drop its row; one that is over only loses its row."""
        entry = self._known(id)
        await cancel_and_wait(self._tasks.get(id))
        if not isinstance(entry.status, Fetched):
            await asyncio.to_thread(discard, Path(self._kept[id].job.staging))
        self._kept.pop(id, None)
        if self._entries.pop(id, None) is not None:
            self._publish(DownloadDropped(id))

    def reconnect(self) -> None:
        """Open the connections of the download that runs anew; what failed for want of the network goes on."""
        if self._child is not None:
            self._child.cancel()
        for entry in tuple(self._entries.values()):
            if isinstance(entry.status, DownloadFailed) and entry.status.code == UNREACHABLE:
                self.resume(entry.id)

    async def close(self) -> None:
        """Stop every download; they go on when the engine starts again."""
        await cancel_and_wait(*self._tasks.values())

    # --- the work ------------------------------------------------------------------------------------------

    def _start(self, kept: Kept) -> None:
        id = kept.job.id
        self._keep(kept)
        self._set(
            replace(
                kept.entry, status=Preparing("waiting for its turn" if self._turn.locked() else "starting")
            )
        )
        task = create_task(self._fetch(kept), name=f"download {id}")
        self._tasks[id] = task
        task.add_done_callback(lambda done: self._ended(id, done))

    def _ended(self, id: str, task: asyncio.Task[None]) -> None:
        """Whatever happened, a download whose task is over does not run."""
        if self._tasks.get(id) is task:
            del self._tasks[id]
            if is_running(self._entries[id]):
                self._set(replace(self._entries[id], status=Paused()))

    async def _fetch(self, kept: Kept) -> None:
        id, began = kept.job.id, time.monotonic()
        async with self._turn:
            while (final := await self._tried(kept.job)) is None:
                log.info("download %s: its connections are opened anew", id)
        if isinstance(final, Done):
            await self._arrived(id, self._kept.pop(id).load)
            entry = self._entries[id]
            self._set(replace(entry, bytes_done=entry.bytes_total, status=Fetched(time.monotonic() - began)))
        else:
            status = DownloadFailed(final.code, final.title, final.message, final.remedy)
            self._set(replace(self._entries[id], status=status))

    async def _tried(self, job: Job) -> Done | Failed | None:
        """What became of it; None when only its connections were given up."""
        self._child = child = create_task(self._run(job), name=f"child of download {job.id}")
        try:
            await asyncio.wait((child,))
        except asyncio.CancelledError:
            await cancel_and_wait(child)
            raise
        finally:
            self._child = None
        return None if child.cancelled() else child.result()

    async def _run(self, job: Job) -> Done | Failed:
        """Run the child to its end; what it said last, or that it ended without a word."""
        final: Done | Failed | None = None

        def take(line: str) -> None:
            nonlocal final
            message = parse_message(line)
            if isinstance(message, Done | Failed):
                final = message
            elif message is not None:
                self._show(job.id, message)

        ended = await run(command(write_job(job)), take)
        if final is None:
            log.error("download %s: %s\n%s", job.id, ended, ended.tail)
            return Failed(
                "download_crashed",
                "The download stopped unexpectedly",
                f"Its process {ended}. What was fetched is kept.",
                "Try again.",
            )
        return final

    # --- what is known -------------------------------------------------------------------------------------

    def _show(self, id: str, message: Message) -> None:
        entry = self._entries[id]
        match message:
            case Listed(revision, bytes_total, files_total):
                self._set(replace(entry, revision=revision, bytes_total=bytes_total, files_total=files_total))
                self._keep(replace(self._kept[id], entry=self._entries[id]))
            case Progress():
                status = Fetching(message.bytes_per_second, message.seconds_left, message.trouble)
                done, files = message.bytes_done, message.files_done
                self._set(replace(entry, status=status, bytes_done=done, files_done=files))

    def _set(self, entry: DownloadEntry) -> None:
        before: DownloadStatus | None = self._entries[entry.id].status if entry.id in self._entries else None
        if type(before) is not type(entry.status):
            log.info("download %s: %s", entry.id, type(entry.status).__name__.lower())
        self._entries[entry.id] = entry
        self._publish(DownloadChanged(entry))

    def _known(self, id: str) -> DownloadEntry:
        entry = self._entries.get(id)
        if entry is None:
            raise NotFound(
                "download_not_found",
                "No such download",
                f"{id[:100]} is not being downloaded.",
                "`spark models downloads` shows what is.",
            )
        return entry

    def _keep(self, kept: Kept) -> None:
        self._kept[kept.job.id] = kept
        write_kept(Path(kept.job.staging), kept)
