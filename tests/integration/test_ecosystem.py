"""The programs Spark belongs with: real small servers that answer, refuse, hang, speak TLS, come and go, and ask."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from spark_engine.client.endpoint import Endpoint
from spark_engine.client.http import SparkClient
from spark_engine.config.load import load_config
from spark_engine.engine.ecosystem import Ecosystem
from spark_engine.engine.local_probe import LocalAddress, local_address, probe
from spark_engine.errors import StartRefused
from spark_engine.paths import BaseDir
from spark_engine.types.ecosystem import MEMBERS, EcosystemMember, Reachable, SwitchedOff, Unreachable
from tests.support.client_program import client_program, copy_of_python
from tests.support.real_engine import serving_card
from tests.support.scripted_engine import config_with
from tests.support.served import ECHO_CARD

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OFF = {f"ecosystem_{id}": "" for id in MEMBERS}


def says(status: str) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("GET /health HTTP/1.1\r\nHost: 127.0.0.1:")
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}".encode())
        writer.close()

    return answer


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")
    writer.close()


@asynccontextmanager
async def listening(answer: Answer, port: int = 0) -> AsyncIterator[int]:
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.05)  # the connections end


def of(ecosystem: Ecosystem, id: str) -> EcosystemMember:
    return next(member for member in ecosystem.members if member.id == id)


@pytest.mark.parametrize(
    ("answer", "well", "detail"),
    [
        (says("200 OK"), True, ""),
        (says("503 Busy"), False, "cannot work now (503)"),
        (says("404 Not Found"), True, "no /health"),
        (says("401 Who"), True, "does not tell Spark its health (401)"),
        (babbles, True, "does not answer to HTTP"),
        (hangs, False, "says nothing"),
    ],
)
async def test_what_listens(answer: Answer, well: bool, detail: str) -> None:
    async with listening(answer) as port:
        found = await probe(LocalAddress("127.0.0.1", port))
    assert isinstance(found, Reachable)
    assert (found.well, detail in found.detail, 0 < found.latency_ms < 1500) == (well, True, True)


async def test_what_does_not_listen_and_what_wants_tls(free_port: int) -> None:
    assert await probe(LocalAddress("127.0.0.1", free_port)) == Unreachable("nothing listens there")
    async with listening(babbles) as port:
        found = await probe(LocalAddress("127.0.0.1", port, tls=True))
    assert isinstance(found, Reachable)
    assert "TLS" in found.detail


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8960", "http://127.0.0.1:8960"),
        ("http://localhost:8960", "http://127.0.0.1:8960"),
        ("https://127.0.0.1:8960/", "https://127.0.0.1:8960"),
        ("http://[::1]:8960", "http://[::1]:8960"),
        ("", "None"),
        ("0", "None"),
        ("99999", "None"),
        ("http://127.0.0.1:99999", "None"),
        ("http://example.com:8960", "None"),
        ("http://127.evil.example.com:1", "None"),
        ("http://127.0.0.1.nip.io:1", "None"),
    ],
)
def test_only_this_machine_is_ever_asked(text: str, address: str) -> None:
    assert str(local_address(text)) == address


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("forge = 9000", "9000"),
        ('forge = "https://127.0.0.1:9000"', "https://127.0.0.1:9000"),
        ('forge = ""', ""),
    ],
)
def test_the_settings(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / "spark.toml").write_text(f"[ecosystem]\n{line}\n")
    config = load_config(tmp_path / "spark.toml", {})
    assert (config.text("ecosystem.forge"), config.text("ecosystem.cognis")) == (value, "8920")
    (tmp_path / "spark.toml").write_text('[ecosystem]\nforge = "http://example.com"\n')
    with pytest.raises(StartRefused, match="ecosystem.forge.*an address of this machine"):
        load_config(tmp_path / "spark.toml", {})


async def test_they_come_and_go(free_port: int) -> None:
    rounds: list[None] = []
    ecosystem = Ecosystem(
        config_with(**OFF | {"ecosystem_forge": str(free_port)}), lambda: rounds.append(None)
    )
    await ecosystem.look()
    forge = of(ecosystem, "forge")
    assert (forge.status, forge.last_seen) == (Unreachable("nothing listens there"), None)
    assert (forge.name, forge.address) == ("FORGE", f"http://127.0.0.1:{free_port}")
    assert of(ecosystem, "zsei").status == SwitchedOff()
    async with listening(says("200 OK"), free_port):
        await ecosystem.look()
        assert isinstance(of(ecosystem, "forge").status, Reachable)
    await ecosystem.look()
    gone = of(ecosystem, "forge")
    assert isinstance(gone.status, Unreachable) and gone.last_seen is not None
    assert len(rounds) == 3


async def test_what_they_ask_of_spark(base: BaseDir, tmp_path: Path) -> None:
    tool = copy_of_python(tmp_path, "friend")
    async with serving_card(base, ECHO_CARD, **OFF) as api:
        async with client_program(api.port, tool) as program:
            await program.ask(headers={"User-Agent": "Forge/1.2 (linux)"})
            await program.ask(headers={"User-Agent": "OZONE-STUDIO/3"}, temperature="hot")
            await program.ask(headers={"User-Agent": "x", "Authorization": "Bearer scribe"})
            await program.ask(headers={"User-Agent": "forger/1"})
        async with SparkClient(Endpoint(api.address, api.token, 1, "0", "")) as owner:
            report = await owner.health()
            told = {m.id: m.usage for m in report.ecosystem if m.usage.requests}
    assert set(told) == {"forge", "ozone_studio", "scribe"}
    assert [(told[id].requests, told[id].errors) for id in sorted(told)] == [(1, 0), (1, 1), (1, 0)]
    assert told["forge"].p95_ms > 0 == told["ozone_studio"].p95_ms


async def test_one_that_listens_is_known_by_its_process(
    base: BaseDir, tmp_path: Path, free_port: int
) -> None:
    """The same process serves at FORGE's address and asks Spark."""
    script = f"""
import http.client, http.server, json, sys, threading
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *a): pass
server = http.server.HTTPServer(("127.0.0.1", {free_port}), H)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("up", flush=True)
for line in sys.stdin:
    c = http.client.HTTPConnection("127.0.0.1", int(line))
    body = json.dumps({{"model": "echo", "messages": [{{"role": "user", "content": "hi"}}]}})
    c.request("POST", "/v1/chat/completions", body, {{"Content-Type": "application/json"}})
    print(c.getresponse().status, flush=True)
"""
    process = await asyncio.create_subprocess_exec(
        str(copy_of_python(tmp_path, "forged")),
        *("-c", script),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONHOME": sys.base_prefix},
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        assert await process.stdout.readline() == b"up\n"
        async with serving_card(base, ECHO_CARD, **OFF | {"ecosystem_forge": str(free_port)}) as api:
            await api.engine.check_health()
            process.stdin.write(f"{api.port}\n".encode())
            assert await process.stdout.readline() == b"200\n"
            for _ in range(100):
                forge = next(m for m in api.engine.health().ecosystem if m.id == "forge")
                if forge.usage.requests:
                    break
                await asyncio.sleep(0.02)
            assert isinstance(forge.status, Reachable)
            assert (forge.usage.requests, forge.usage.errors) == (1, 0)
    finally:
        process.stdin.close()
        await process.wait()
