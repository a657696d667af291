"""Asks pip what an installation would bring before anything is fetched, and how large that is."""

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
from msgspec import Struct, field

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 10.0


class _Metadata(Struct):
    name: str
    version: str


class _DownloadInfo(Struct):
    url: str


class PlannedPackage(Struct):
    """One distribution that pip would install."""

    metadata: _Metadata
    download_info: _DownloadInfo


class PipReport(Struct):
    """What `pip install --dry-run --report` writes, as far as it matters here."""

    install: list[PlannedPackage] = field(default_factory=list)


def read_report(path: Path) -> PipReport:
    """The report in a file; an empty one when pip wrote none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=PipReport)
    except (OSError, msgspec.MsgspecError):
        return PipReport()


def cuda_packages(report: PipReport) -> list[str]:
    """The names of NVIDIA's libraries among what would be installed."""
    return [p.metadata.name for p in report.install if p.metadata.name.startswith("nvidia-")]


async def download_bytes(report: PipReport) -> int | None:
    """How much would be fetched, by asking for each file's length; None when one does not tell."""
    import httpx  # the engine needs it for nothing else, and it is large

    total = 0
    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=True) as http:
            for planned in report.install:
                total += await _length(http, planned.download_info.url)
    except (httpx.HTTPError, OSError, KeyError, ValueError):
        return None
    return total


async def _length(http: "httpx.AsyncClient", url: str) -> int:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return os.stat(url2pathname(parts.path)).st_size
    answer = await http.head(url)
    answer.raise_for_status()
    return int(answer.headers["Content-Length"])
