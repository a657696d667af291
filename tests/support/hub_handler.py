"""How the tests' model hub answers: the hub's protocol over HTTP, with the faults that its mirror was given."""

import hashlib
import http.server
import json
import os
import re
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.support.hub_files import PIECE, Request, Source

if TYPE_CHECKING:
    from tests.support.hub_mirror import HubMirror


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, mirror: "HubMirror") -> None:
        self.mirror = mirror
        super().__init__(("127.0.0.1", 0), Handler)
        if mirror.send_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, mirror.send_buffer)
        if mirror.tls is not None:
            self.socket = mirror.tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed are no news."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    @property
    def mirror(self) -> "HubMirror":
        """Whose files are served."""
        return self.server.mirror

    def do_HEAD(self) -> None:
        """As GET, without a body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer by what the path names."""
        self.mirror.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}))
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        for pattern, answer in (
            (r"/api/models/([^/]+/[^/]+)/revision/(.+)", self._revision),
            (r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", self._tree),
            (r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._resolve),
            (r"/cdn/([^/]+/[^/]+)/(.+)", self._bytes),
        ):
            if match := re.fullmatch(pattern, path):
                if self._is_open(match[1]):
                    answer(*match.groups())
                return
        self._json({"error": "not found"}, 404)

    def _is_open(self, name: str) -> bool:
        """Whether this client may see the repository; refuses it otherwise."""
        repository = self.mirror.repositories.get(name)
        if repository is None:
            self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
            return False
        if self.path.startswith("/cdn/"):
            return True
        shown = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repository.token and shown != repository.token:
            self._json({"error": "no"}, 401, {} if shown else {"X-Error-Code": "GatedRepo"})
        elif repository.forbidden:
            self._json({"error": "ask first"}, 403, {"X-Error-Code": "GatedRepo"})
        else:
            return True
        return False

    def _revision(self, name: str, revision: str) -> None:
        repository = self.mirror.repositories[name]
        if self._common_fault("@revision"):
            return
        if revision not in ("main", repository.commit):
            self._json({"error": "no revision"}, 404, {"X-Error-Code": "RevisionNotFound"})
            return
        siblings = [{"rfilename": path} for path in repository.files]
        self._json({"id": name, "sha": repository.commit, "gated": repository.gated, "siblings": siblings})

    def _tree(self, name: str, commit: str) -> None:
        if self._common_fault("@tree"):
            return
        entries = [*_listed(self.mirror.repositories[name].files), *self.mirror.extra]
        start = int(parse_qs(urlsplit(self.path).query).get("cursor", ["0"])[0])
        end, headers = start + self.mirror.page, {}
        if end < len(entries):
            there = f"{self.mirror.url}/api/models/{name}/tree/{commit}?recursive=true&cursor={end}"
            headers["Link"] = f'<{there}>; rel="next"'
        self._json(entries[start:end], headers=headers)

    def _resolve(self, name: str, commit: str, path: str) -> None:
        """A file, by its path: from here, or by a redirect."""
        source = self.mirror.repositories[name].files.get(path)
        if self._common_fault(path):
            return
        if source is None:
            self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        elif self.mirror.cdn != "none" and source.large:
            self._head(
                302,
                0,
                {"Location": f"{self.mirror.cdn_url}/cdn/{name}/{quote(path)}", **self._vouch(path, source)},
            )
        else:
            self._bytes(name, path)

    def _vouch(self, path: str, source: Source) -> dict[str, str]:
        etag = "f" * len(source.etag) if self.mirror.take_fault(path, "vouch") else source.etag
        linked = {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(source.size)} if source.large else {}
        return {"X-Repo-Commit": "0" * 40, **linked}

    def _bytes(self, name: str, path: str) -> None:
        """A file's bytes, or the range asked for."""
        source = self.mirror.repositories[name].files[path]
        start = self._start(path, source)
        etag = f'"cdn-{source.etag[:16]}"' if self.path.startswith("/cdn/") else f'"{source.etag}"'
        changed = self.mirror.take_fault(path, "etag")
        headers = {
            "ETag": '"another"' if changed else etag,
            "Accept-Ranges": "bytes",
            **self._vouch(path, source),
        }
        if self.path.startswith("/cdn/"):
            headers = {"ETag": headers["ETag"]}
        if start is None or (self.headers.get("If-Range") not in (None, headers["ETag"]) and not changed):
            start, status = 0, 200
        else:
            status = 206
            headers["Content-Range"] = f"bytes {start}-{source.size - 1}/{source.size}"
        length: int | None = source.size - start
        if announce := self.mirror.take_fault(path, "announce"):
            length = source.size - start + announce.at
        if self.mirror.take_fault(path, "packed"):
            headers["Content-Encoding"] = "gzip"
        endless = self.mirror.take_fault(path, "endless")
        if endless or self.mirror.take_fault(path, "unannounced"):
            length = None
        self._head(status, length, headers)
        if self.command != "HEAD":
            self._send_faulty(path, source, start)
            while endless:
                self._send(path, b"x" * PIECE)

    def _start(self, path: str, source: Source) -> int | None:
        """Where the wanted range begins; None: the whole file is wanted, or all that can be had."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match is None or self.mirror.take_fault(path, "no_range") or int(match[1]) >= source.size:
            return None
        return int(match[1])

    def _send_faulty(self, path: str, source: Source, start: int) -> None:
        """The bytes from `start`, up to the next fault."""
        damage = self.mirror.take_fault(path, "wrong_bytes")
        trouble = self.mirror.take_fault(path, "cut", "stall") if not damage else None
        end = min(source.size, max(start, trouble.at)) if trouble else source.size
        if damage:
            for piece in source.pieces(start, source.size):
                self._send(path, bytes(byte ^ 0xFF for byte in piece))
        else:
            self._send_range(path, source, start, end)
        if trouble and trouble.kind == "stall":
            time.sleep(trouble.seconds)
        if trouble:
            self.close_connection = True
            self.wfile.flush()

    def _send_range(self, path: str, source: Source, start: int, end: int) -> None:
        if isinstance(source.content, bytes) or self.mirror.tls or self.mirror.bytes_per_second:
            piece_s = PIECE / 16 / self.mirror.bytes_per_second if self.mirror.bytes_per_second else 0
            for piece in source.pieces(start, end):
                for at in range(0, len(piece), PIECE // 16):
                    self._send(path, piece[at : at + PIECE // 16])
                    time.sleep(piece_s)
            return
        with source.content.open("rb") as file:
            out, into = self.connection.fileno(), file.fileno()
            while start < end and (count := os.sendfile(out, into, start, min(PIECE, end - start))):
                start += count
                self.mirror.count(path, count)

    def _send(self, path: str, data: bytes) -> None:
        self.connection.sendall(data)
        self.mirror.count(path, len(data))

    def _common_fault(self, where: str) -> bool:
        """Answer with a fault that concerns any request; whether there was one."""
        fault = self.mirror.take_fault(where, "status", "html", "redirect")
        if fault is None:
            return where.startswith("@") and self._endless_list(where)
        if fault.kind == "status":
            self._json({"error": "trouble"}, fault.status, fault.headers)
        elif fault.kind == "redirect":
            self._head(302, 0, {"Location": fault.location})
        else:
            page = b"<html><body>Please sign in to this network</body></html>"
            self._head(200, len(page), {"Content-Type": "text/html; charset=utf-8"})
            self.wfile.write(page)
        return True

    def _endless_list(self, where: str) -> bool:
        """Answer with JSON that never ends, if that is the fault."""
        if self.mirror.take_fault(where, "endless") is None:
            return False
        self._head(200, None, {"Content-Type": "application/json"})
        while True:
            self._send(where, b"[" * PIECE)

    def _json(self, value: object, status: int = 200, headers: Mapping[str, str] = {}) -> None:  # noqa: B006
        body = json.dumps(value).encode()
        self._head(status, len(body), {"Content-Type": "application/json; charset=utf-8", **headers})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, length: int | None, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()


def _listed(files: Mapping[str, Source]) -> list[dict[str, object]]:
    """The entries of a tree as the hub lists them, folders too."""
    folders = sorted({path.rpartition("/")[0] for path in files if "/" in path})
    entries: list[dict[str, object]] = [
        {"type": "directory", "oid": "0" * 40, "size": 0, "path": f} for f in folders
    ]
    for path, source in sorted(files.items()):
        entry: dict[str, object] = {"type": "file", "oid": source.oid, "size": source.size, "path": path}
        if source.large:
            entry["oid"] = hashlib.sha1(source.sha256.encode()).hexdigest()
            entry["lfs"] = {"oid": source.sha256, "size": source.size, "pointerSize": 134}
        entries.append(entry)
    return entries
