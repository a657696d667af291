"""Asks the hub: follows its redirects to hosts that may be asked, and gives the token to nobody but the hub."""

import time
from collections.abc import Callable
from urllib.parse import quote, urljoin

from msgspec import Struct

from spark_engine import __version__
from spark_engine.catalog.hub.address import Address, Reach, furthest, objection, parse_address
from spark_engine.catalog.hub.connection import open_route
from spark_engine.catalog.hub.failures import Interrupted, refusal, refused_host, transient, wrong_answer
from spark_engine.catalog.hub.patience import Patience
from spark_engine.catalog.hub.reply import Reply

MOST_REDIRECTS = 5
MOST_JSON = 32 * 1024 * 1024
JSON_S = 120.0
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class Vouched(Struct, frozen=True):
    """What the hub itself said of a file before it sent us on: its hash and size. Empty: nothing."""

    etag: str = ""
    size: int | None = None


def _no_token() -> str | None:
    return None


class Hub:
    """The hub at `home`. `token` is asked for only when the hub wants to know who asks. Threads may share it."""

    def __init__(
        self, home: Address, patience: Patience | None = None, token: Callable[[], str | None] = _no_token
    ) -> None:
        self.home, self.patience = home, patience or Patience()
        self._ask_token = token
        self._token: str | None = None
        self._home_reach: frozenset[Reach] = frozenset()

    @property
    def with_token(self) -> bool:
        """Whether the hub was shown a token."""
        return self._token is not None

    def at(self, path: str) -> Address:
        """The address of a path on the hub, already quoted."""
        return Address(*self.home.origin, self.home.target.rstrip("/") + path)

    def file(self, repository: str, revision: str, path: str) -> Address:
        """The address of a file's bytes."""
        return self.at(f"/{repository}/resolve/{quote(revision, safe='')}/{quote(path)}")

    def get(self, address: Address, headers: dict[str, str] | None = None) -> tuple[Reply, Vouched]:
        """Ask once, with the token if the hub wants one. The answer's head, and what the hub vouched for.

        Interrupted when the network failed; SparkError when a host was refused. Any status may come back.
        """
        reply, vouched = self._followed(address, headers or {})
        if reply.status in (401, 403) and reply.address.origin == self.home.origin and self._new_token():
            reply.close()
            reply, vouched = self._followed(address, headers or {})
        return reply, vouched

    def json(self, address: Address, repository: str, what: str) -> Reply:
        """Ask once for JSON: the answer, its body read. Interrupted, or SparkError when the hub refuses."""
        if address.origin != self.home.origin:
            raise refused_host(address.netloc, "a list of files comes from the hub alone", redirected=True)
        reply, _ = self.get(address, {"Accept": "application/json"})
        with reply:
            if reply.status >= 400:
                raise self.refused(reply, repository, what)
            if "json" not in reply.headers.get("Content-Type", ""):
                kind = reply.headers.get("Content-Type", "nothing")[:60]
                raise Interrupted("the answer is not the hub's", wrong_answer(address.netloc, kind), tries=3)
            reply.read_all(MOST_JSON, time.monotonic() + JSON_S)
        return reply

    def refused(self, reply: Reply, repository: str, what: str) -> Exception:
        """A 4xx or 5xx answer as the exception to raise."""
        code = reply.headers.get("X-Error-Code") or ""
        error = refusal(reply.status, code, repository, what, with_token=self.with_token)
        if reply.address.origin != self.home.origin and reply.status in (401, 403, 404, 410):
            return Interrupted(f"the file's server refused ({reply.status})", error, tries=3)
        if transient(reply.status):
            busy = (
                "the hub asks for a pause" if reply.status == 429 else f"the hub has trouble ({reply.status})"
            )
            return Interrupted(busy, error, retry_after=reply.retry_after)
        return error

    def _new_token(self) -> bool:
        if self._token is None:
            self._token = self._ask_token()
            return self._token is not None
        return False

    def _followed(self, address: Address, headers: dict[str, str]) -> tuple[Reply, Vouched]:
        vouched, here = Vouched(), address
        for _ in range(MOST_REDIRECTS + 1):
            reply = self._asked(here, headers)
            if here.origin == self.home.origin and reply.status < 400:
                vouched = _with(vouched, reply)
            if reply.status not in _REDIRECTS:
                return reply, vouched
            reply.close()
            here = next_hop(here, reply.headers.get("Location", ""))
        raise refused_host(here.netloc, "the way there has too many turns", redirected=True)

    def _asked(self, address: Address, headers: dict[str, str]) -> Reply:
        everything = {"User-Agent": f"spark/{__version__}", "Accept-Encoding": "identity", **headers}
        if self._token is not None and address.origin == self.home.origin:
            everything["Authorization"] = f"Bearer {self._token}"
        return Reply(open_route(address, self._check, self.patience), address, everything)

    def _check(self, address: Address, places: list[str], proxied: bool) -> None:
        """Whether the host may be asked; what the proxy alone can tell is left to it."""
        reached = furthest(places)
        is_home = address.origin == self.home.origin
        if is_home:
            self._home_reach = reached
        if proxied and not reached and address.scheme == "https":
            return
        why = objection(address, reached, None if is_home else self._home_reach)
        if why:
            raise refused_host(f"{address.scheme}://{address.netloc}", why, redirected=not is_home)


def _with(vouched: Vouched, reply: Reply) -> Vouched:
    """What was known, and what this answer of the hub adds."""
    headers = reply.headers
    size = headers.get("X-Linked-Size", "")
    return Vouched(
        vouched.etag
        or (headers.get("X-Linked-Etag") or headers.get("ETag") or "").removeprefix("W/").strip('"'),
        int(size) if vouched.size is None and size.isdecimal() else vouched.size,
    )


def next_hop(here: Address, location: str) -> Address:
    """Where a redirect leads; SparkError when that is no address, or less safe than where it came from."""
    try:
        there = parse_address(urljoin(str(here), location))
    except ValueError as error:
        raise refused_host(location[:80] or "nowhere", "that is no address", redirected=True) from error
    if here.scheme == "https" and there.scheme != "https":
        raise refused_host(f"{there.scheme}://{there.netloc}", "it is not encrypted (https)", redirected=True)
    return there
