"""Carries one download out, from the job to the model in the library."""

import re
import time
from collections.abc import Callable
from pathlib import Path

from spark_engine.catalog.download.fetch import disk_trouble
from spark_engine.catalog.download.job import Job, lock_file
from spark_engine.catalog.download.lock import FileLock
from spark_engine.catalog.download.messages import Done, Listed, Message, Progress
from spark_engine.catalog.download.place import put_in_place, stands_already
from spark_engine.catalog.download.plan import decide, forget
from spark_engine.catalog.download.transfer import Transfer
from spark_engine.catalog.hub.offer import open_hub
from spark_engine.errors import NotFound

_COMMIT = re.compile(r"[0-9a-f]{40}")


def download(job: Job, say: Callable[[Message], None]) -> Done:
    """Fetch the model and put it in place, telling how far it is; SparkError when it cannot go on."""
    began = time.monotonic()
    target, staging = Path(job.target), Path(job.staging)
    with disk_trouble(), FileLock(lock_file(staging)):
        if not stands_already(target, _wanted(job)):
            staging.mkdir(mode=0o700, parents=True, exist_ok=True)
            _bring(job, target, staging, say)
    return Done(str(target), round(time.monotonic() - began, 3))


def _bring(job: Job, target: Path, staging: Path, say: Callable[[Message], None]) -> None:
    hub = open_hub(job.endpoint, Path(job.state), stay_offline=job.offline, patience=job.patience)

    def wait(seconds: float, trouble: str) -> None:
        say(Progress(0, 0, trouble=trouble))
        time.sleep(seconds)

    plan = decide(job, hub, wait)
    say(Listed(plan.revision, plan.bytes_total, len(plan.files)))
    transfer = Transfer(hub, plan, staging, job.parallel)
    try:
        transfer.run(say)
    except NotFound:
        forget(staging)
        raise
    put_in_place(staging, target, plan, {path: fetch.sha256 for path, fetch in transfer.fetches.items()})


def _wanted(job: Job) -> tuple[str, str]:
    """Repository, and commit where the job names one."""
    revision = job.variant.revision
    return job.variant.repository, revision if _COMMIT.fullmatch(revision) else ""
