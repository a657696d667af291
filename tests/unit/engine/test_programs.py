"""What a process is called, which process is at the other end, and how its requests are counted."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from spark_engine.api.peers import process_at
from spark_engine.engine.peer_process import PeerFinder
from spark_engine.engine.programs import Program, language, program_of, script_in
from spark_engine.engine.tally import Tally
from spark_engine.types.apps import Peer, quantile


@pytest.mark.parametrize(
    ("arguments", "script"),
    [
        (["train.py", "--fast"], "train.py"),
        (["-u", "-X", "dev", "-W", "error", "train.py"], "train.py"),
        (["-m", "jupyter", "lab"], "-m jupyter"),
        (["-c", "print(1)", "train.py"], ""),
        (["-jar", "app.jar", "x"], "app.jar"),
        (["-cp", "lib/*", "org.Main"], "org.Main"),
        (["run", "--allow-net", "serve.ts"], "serve.ts"),
        (["-"], ""),
        (["-m"], "-m "),
        ([], ""),
    ],
)
def test_what_an_interpreter_runs(arguments: list[str], script: str) -> None:
    assert script_in(arguments) == script


@pytest.mark.parametrize(
    ("path", "script", "name"),
    [
        ("/usr/bin/curl", "", "curl"),
        ("/usr/bin/python3.12", "/home/a/train.py", "train.py (Python)"),
        ("/usr/bin/python3.12", "", "python3.12"),
        ("/usr/bin/python3.12", "-m jupyter", "jupyter (Python)"),
        ("/usr/bin/python3.12", "-m spark_engine", "Spark"),
        ("/usr/bin/python3.12", "/home/a/.venv/bin/spark", "Spark"),
        ("C:\\Apps\\Chat\\Chat.exe", "", "Chat"),
        ("/Applications/Big Chat.app/Contents/MacOS/chat", "", "Big Chat"),
        ("/opt/bad\x1b[31mname", "", "bad[31mname"),
        ("", "", "Unknown program"),
    ],
)
def test_names(path: str, script: str, name: str) -> None:
    assert Program(path, script).name == name


def test_ids_are_slugs_and_tell_places_apart() -> None:
    ids = {Program(p, s).id for p in ("/a/tool", "/b/tool") for s in ("", "x")}
    assert len(ids) == 4
    assert all(id.startswith(("tool-", "x-")) and id == id.lower() for id in ids)
    assert Program().id == "unknown"
    assert Program("/a/\udcff").id != Program("/a/").id


def test_interpreters() -> None:
    assert [language(p) for p in ("/x/python3.11", "C:\\node.exe", "/usr/bin/pythonic", "/bin/java")] == [
        "Python", "Node", "", "Java",
    ]  # fmt: skip


def test_the_program_of_a_process(tmp_path: Path) -> None:
    script = tmp_path / "tool.py"
    script.write_text("import sys; sys.stdin.read()")
    process = subprocess.Popen([sys.executable, "tool.py"], cwd=tmp_path, stdin=subprocess.PIPE)
    try:
        program = program_of(process.pid)
        assert program is not None
        assert (program.path, program.script) == (str(Path(sys.executable).resolve()), str(script))
        assert program.name == "tool.py (Python)"
    finally:
        process.communicate()
    assert program_of(process.pid) is None


@pytest.fixture
def connection() -> Iterator[Peer]:
    """As a listener sees a connection that this process opened."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as mine:
            accepted, (host, port) = server.accept()
            with accepted:
                assert mine.getsockname()[1] == port
                yield Peer(host, port, *server.getsockname())


@pytest.mark.parametrize("system", ["linux", "win32", "darwin"])
def test_the_process_at_the_other_end(connection: Peer, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if system == "linux" and sys.platform != "linux":
        pytest.skip("reads Linux's own tables")
    if system == "darwin":  # all connections of a machine are its administrator's to see

        def only_for_root(kind: str) -> None:
            raise psutil.AccessDenied

        monkeypatch.setattr(psutil, "net_connections", only_for_root)
    finder = PeerFinder(system)
    assert finder.find(connection) == os.getpid()
    assert finder.listener(connection.own_port) == os.getpid()
    assert finder.find(Peer("127.0.0.1", connection.own_port, "127.0.0.1", 1)) is None
    assert finder.find(Peer()) is None
    assert finder.listener(1) is None


def test_an_ipv6_socket_that_speaks_to_an_ipv4_address() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("there is no IPv6 here")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET6) as mine:
        try:
            mine.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        except OSError as error:
            pytest.skip(f"mapped addresses do not work here: {error}")
        accepted, (host, port) = server.accept()
        with accepted:
            assert PeerFinder().find(Peer(host, port, *server.getsockname())) == os.getpid()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such sockets")
def test_a_unix_socket_tells_its_process(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as mine:
        server.bind(str(tmp_path / "s"))
        server.listen()
        mine.connect(str(tmp_path / "s"))
        accepted, _ = server.accept()
        with accepted:
            assert process_at(accepted) == os.getpid()
    with socket.socket() as unconnected:
        assert process_at(unconnected) is None


def test_the_tally() -> None:
    tally = Tally()
    for n in range(1, 101):
        tally.add(float(n), failed=False)
    tally.add(5000.0, failed=True)
    tally.add(None, failed=False)
    usage = tally.usage
    assert (usage.requests, usage.errors, usage.p50_ms, usage.p95_ms) == (102, 1, 51.0, 96.0)
    assert quantile([], 0.5) == 0.0
