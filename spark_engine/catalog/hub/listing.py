"""What a repository holds at one commit: every file's path, size and hash, as the hub lists them."""

import re
from typing import TypeVar
from urllib.parse import quote, urljoin

import msgspec
from msgspec import Struct

from spark_engine.catalog.formats.names import is_safe_name
from spark_engine.catalog.hub.address import Address, parse_address
from spark_engine.catalog.hub.client import Hub
from spark_engine.catalog.hub.failures import unsafe_listing, wrong_answer
from spark_engine.catalog.hub.patience import Wait, persist
from spark_engine.catalog.hub.reply import Reply

MOST_FILES, MOST_PAGES = 20_000, 100
LARGEST_FILE = 4 << 40
_COMMIT, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_NEXT = re.compile(r'<([^<>]+)>\s*;[^,]*\brel="?next"?')
_T = TypeVar("_T")


class RemoteFile(Struct, frozen=True):
    """A file of a repository. `oid` is git's hash of a small file; `sha256` that of a large one (LFS), else empty."""

    path: str
    size: int
    oid: str
    sha256: str = ""


class Listing(Struct, frozen=True):
    """All files of `repository` at the commit `revision`. `gated`: it asks for an account that accepted its terms."""

    repository: str
    revision: str
    gated: bool
    files: tuple[RemoteFile, ...]


class _Lfs(Struct):
    oid: str
    size: int


class _Entry(Struct):
    type: str
    path: str
    oid: str = ""
    size: int = 0
    lfs: _Lfs | None = None


class _Revision(Struct):
    sha: str
    gated: bool | str = False


def fetch_listing(hub: Hub, repository: str, revision: str = "main", wait: Wait | None = None) -> Listing:
    """Ask the hub; SparkError when there is no such thing, it may not be had, or it is not safe."""
    where = f"/api/models/{repository}/revision/{quote(revision, safe='')}"
    what = f"revision {revision}"
    reply = persist(hub.patience, lambda: hub.json(hub.at(where), repository, what), wait)
    head = _decoded(reply, _Revision)
    if not _COMMIT.fullmatch(head.sha):
        raise wrong_answer(hub.home.netloc, "no commit")
    entries = _entries(hub, repository, head.sha, wait)
    files = tuple(_file(repository, entry) for entry in entries if entry.type == "file")
    return Listing(repository, head.sha, bool(head.gated), files)


def _entries(hub: Hub, repository: str, commit: str, wait: Wait | None) -> list[_Entry]:
    """All pages of the tree."""
    entries: list[_Entry] = []
    page: Address | None = hub.at(f"/api/models/{repository}/tree/{commit}?recursive=true")
    for _ in range(MOST_PAGES):
        if page is None:
            return entries
        asked = page
        reply = persist(hub.patience, lambda: hub.json(asked, repository, f"revision {commit}"), wait)  # noqa: B023
        entries += _decoded(reply, list[_Entry])
        if len(entries) > MOST_FILES:
            break
        page = next_page(asked, reply.headers.get("Link", ""))
    raise unsafe_listing(repository, f"it has more than {MOST_FILES} files")


def next_page(here: Address, link: str) -> Address | None:
    """Where the list goes on, by the header `Link`; None at its end."""
    match = _NEXT.search(link)
    try:
        return parse_address(urljoin(str(here), match[1])) if match else None
    except ValueError as error:
        raise wrong_answer(here.netloc, "a list that leads nowhere") from error


def _decoded(reply: Reply, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(reply.body, type=type_)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise wrong_answer(reply.address.netloc, "something that is not the hub's JSON") from error


def _file(repository: str, entry: _Entry) -> RemoteFile:
    """One file, checked: a name that leads out of its folder is nobody's mistake."""
    shown = entry.path[:80].encode("ascii", "backslashreplace").decode()
    if leads_out(entry.path):
        raise unsafe_listing(repository, f"the file name {shown!r} leads out of the model's folder")
    sha256 = entry.lfs.oid if entry.lfs else ""
    size = entry.lfs.size if entry.lfs else entry.size
    known = _SHA256.fullmatch(sha256) if entry.lfs else _COMMIT.fullmatch(entry.oid)
    if not known or not 0 <= size <= LARGEST_FILE:
        raise unsafe_listing(repository, f"size and hash of {shown!r} are not plausible")
    return RemoteFile(entry.path, size, entry.oid, sha256)


def leads_out(path: str) -> bool:
    """Whether a path is an attack rather than a clumsy name: only files that are fetched need names for any system."""
    return (
        not path or path.startswith("/") or "\\" in path or "\x00" in path or ".." in path.split("/")
        or len(path) > 1024 or path[1:2] == ":"
    )  # fmt: skip


def unfit_names(paths: list[str]) -> str:
    """Why these files cannot lie in one folder on every system, as a phrase; empty when they can."""
    folded: dict[str, str] = {}
    for path in paths:
        if not is_safe_name(path):
            return f"the file name {path[:80]!a} is not safe"
        parts = path.casefold().split("/")
        for depth in range(1, len(parts) + 1):
            kind = "file" if depth == len(parts) else "folder"
            earlier = folded.setdefault(
                "/".join(parts[:depth]), f"{kind} {'/'.join(path.split('/')[:depth])}"
            )
            if earlier != f"{kind} {'/'.join(path.split('/')[:depth])}":
                return f"the names {earlier.partition(' ')[2][:80]!a} and {path[:80]!a} collide"
    if len(set(paths)) != len(paths):
        return "a file is listed twice"
    return ""
