"""A program of its own that uses Spark: a copy of Python under another path, told on stdin what to ask."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

_SCRIPT = """
import http.client, json, socket, sys

class Local(http.client.HTTPConnection):
    def __init__(self, where):
        super().__init__("localhost")
        self.where = where
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.where)

where = sys.argv[1]
connection = Local(where) if "/" in where else http.client.HTTPConnection("127.0.0.1", int(where))
for line in sys.stdin:
    asked = json.loads(line)
    body = json.dumps(asked["body"]) if asked["body"] is not None else None
    headers = {"Content-Type": "application/json", **asked["headers"]}
    connection.request("POST" if body else "GET", asked["path"], body, headers)
    reply = connection.getresponse()
    print(json.dumps([reply.status, reply.read().decode()]), flush=True)
"""


class ClientProgram:
    """The running program. `path` is its executable."""

    def __init__(self, process: asyncio.subprocess.Process, path: str) -> None:
        self.process, self.path = process, path

    @property
    def pid(self) -> int:
        return self.process.pid

    async def ask(self, text: str = "hello", **fields: Any) -> tuple[int, dict[str, Any]]:
        """One chat answer: its status and JSON. `headers` are further ones."""
        headers = fields.pop("headers", {})
        body = {"model": "echo", "messages": [{"role": "user", "content": text}], **fields}
        return await self.send("/v1/chat/completions", body, headers)

    async def send(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """One request: its status and JSON."""
        assert self.process.stdin is not None and self.process.stdout is not None
        line = json.dumps({"path": path, "body": body, "headers": headers or {}})
        self.process.stdin.write(line.encode() + b"\n")
        status, text = json.loads(await self.process.stdout.readline())
        return status, json.loads(text)


def copy_of_python(folder: Path, name: str) -> Path:
    """Python's executable under another name; a real file, since the system looks through links."""
    folder.mkdir(parents=True, exist_ok=True)
    file, real = folder / name, Path(sys.executable).resolve()
    try:
        os.link(real, file)
    except OSError:
        shutil.copy2(real, file)
    return file


@asynccontextmanager
async def client_program(where: int | str, executable: Path) -> AsyncGenerator[ClientProgram, None]:
    """Start it; `where` is a port or the path of a Unix socket."""
    process = await asyncio.create_subprocess_exec(
        str(executable),
        *("-c", _SCRIPT, str(where)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONHOME": sys.base_prefix},
    )
    try:
        yield ClientProgram(process, str(executable))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
