"""What a server's answer to a request for the rest of a file means, before a byte of its body is believed."""

import re

from msgspec import Struct

from spark_engine.catalog.hub.failures import Interrupted, wrong_answer
from spark_engine.catalog.hub.reply import Reply
from spark_engine.errors import SparkError, Unavailable

_RANGE = re.compile(r"bytes\s+(\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.IGNORECASE)
_PAGES = ("text/html", "application/xhtml")


class Head(Struct, frozen=True):
    """The head of an answer. `length`: of the body, None when it does not say."""

    status: int
    length: int | None = None
    content_range: str = ""
    etag: str = ""
    kind: str = ""
    encoding: str = ""
    server: str = ""


def head_of(reply: Reply) -> Head:
    """What counts in an answer's head."""
    get = reply.headers.get
    return Head(
        reply.status, reply.length, get("Content-Range", ""), get("ETag", ""), get("Content-Type", "").lower(),
        get("Content-Encoding", "").lower(), reply.address.netloc,
    )  # fmt: skip


def request_headers(offset: int, etag: str) -> dict[str, str]:
    """Ask for the rest from `offset`, but for the whole file when it is not the same any more."""
    if not offset:
        return {}
    strong = etag.startswith('"')
    return {"Range": f"bytes={offset}-", **({"If-Range": etag} if strong else {})}


def starting_point(head: Head, offset: int, size: int, etag: str, path: str) -> int | None:
    """Where in the file the body begins: at `offset`, or at 0. None: the bytes fetched so far are of another version
    and must not be kept. Interrupted when the body cannot be this file's."""
    if head.kind.startswith(_PAGES) and not path.endswith((".html", ".htm")):
        raise Interrupted("the answer is a web page", wrong_answer(head.server, "a web page"), tries=3)
    if head.encoding not in ("", "identity"):
        raise _wrong_size(path, f"the bytes come packed ({head.encoding[:20]})")
    if head.status == 416 and offset:
        return None
    if head.status == 200:
        return _whole(head, size, path)
    if head.status == 206 and offset:
        if etag and head.etag and head.etag != etag:
            return None
        return _rest(head, offset, size, path)
    raise Interrupted(
        f"{head.server} answered with status {head.status}",
        wrong_answer(head.server, f"status {head.status}"),
        tries=3,
    )


def _whole(head: Head, size: int, path: str) -> int:
    if head.length is not None and head.length != size:
        raise _wrong_size(path, f"{head.length} bytes were announced instead of {size}")
    return 0


def _rest(head: Head, offset: int, size: int, path: str) -> int:
    match = _RANGE.fullmatch(head.content_range.strip())
    if match is None:
        raise _wrong_size(path, "the answer does not say which part it is")
    first, last = int(match[1]), int(match[2])
    if first != offset or not first <= last < size or match[3] not in ("*", str(size)):
        raise _wrong_size(
            path, f"bytes {first} to {last} of {match[3]} came instead of {offset} to {size - 1}"
        )
    if head.length is not None and head.length != last - first + 1:
        raise _wrong_size(path, f"{head.length} bytes were announced for a part of {last - first + 1}")
    return offset


def _wrong_size(path: str, what: str) -> Interrupted:
    return Interrupted("the answer does not fit the file", wrong_size(path, what), tries=3)


def wrong_size(path: str, what: str) -> SparkError:
    """The server has another file than the hub listed, or lies about it."""
    return Unavailable(
        "download_wrong_size",
        "The file has the wrong size",
        f"{path}: {what}.",
        "Try again later, or check hub.endpoint: a mirror may be out of step.",
    )
