"""What exactly is fetched: the files of one commit, decided once and kept, so that a download goes on with the same."""

from pathlib import Path

import msgspec
from msgspec import Struct

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.download.job import Job
from spark_engine.catalog.hub.choose import files_of
from spark_engine.catalog.hub.client import Hub
from spark_engine.catalog.hub.listing import RemoteFile, fetch_listing
from spark_engine.catalog.hub.patience import Wait
from spark_engine.records import write_whole

PLAN_FILE = "plan.json"


class Plan(Struct, frozen=True):
    """The files by the path they get below the model's folder. `variant` and `endpoint` are what was asked for."""

    variant: CardVariant
    endpoint: str
    revision: str
    files: dict[str, RemoteFile]

    @property
    def bytes_total(self) -> int:
        """All files together."""
        return sum(file.size for file in self.files.values())


def decide(job: Job, hub: Hub, wait: Wait | None = None) -> Plan:
    """The plan of an earlier run, or a new one by the hub's listing. SparkError when the model cannot be had."""
    kept = kept_plan(Path(job.staging))
    if kept is not None and (kept.variant, kept.endpoint) == (job.variant, str(hub.home)):
        return kept
    listing = fetch_listing(hub, job.variant.repository, job.variant.revision or "main", wait)
    plan = Plan(job.variant, str(hub.home), listing.revision, files_of(listing, job.variant))
    write_whole(Path(job.staging) / PLAN_FILE, msgspec.json.encode(plan))
    return plan


def kept_plan(staging: Path) -> Plan | None:
    """The plan of a download that was begun."""
    try:
        return msgspec.json.decode((staging / PLAN_FILE).read_bytes(), type=Plan)
    except (OSError, msgspec.MsgspecError):
        return None


def forget(staging: Path) -> None:
    """Ask the hub anew the next time."""
    (staging / PLAN_FILE).unlink(missing_ok=True)
