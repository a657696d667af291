"""Ports: bound for Spark alone, and whoever holds a busy one is named."""

import os
import socket
import stat
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from spark_engine.api.ports import bind_api_port, bind_owner_socket, bind_port, holder_of
from spark_engine.errors import StartRefused


def test_a_port_is_bound_on_loopback_only() -> None:
    with closing(bind_port(0)) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


def test_the_holder_of_a_port_is_named() -> None:
    with closing(bind_port(0)) as sock:
        assert holder_of(sock.getsockname()[1]) == f"{psutil.Process().name()} (process {os.getpid()})"


def test_a_holder_that_may_not_be_seen_is_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    assert holder_of(1) == "another program"


def test_a_busy_port_is_refused_with_a_free_one() -> None:
    with closing(bind_port(0)) as sock:
        with pytest.raises(StartRefused) as refused:
            bind_api_port(sock.getsockname()[1])
        words = refused.value.remedy.rstrip("`.").split()
    bind_port(int(words[-1])).close()


def test_a_port_nobody_may_have_is_another_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(self: object, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", forbidden)
    with pytest.raises(StartRefused) as refused:
        bind_api_port(80)
    assert refused.value.code == "port_refused"
    assert "Permission denied" in refused.value.message


@pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
def test_the_owner_s_socket_is_the_owner_s_and_replaces_a_leftover(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    for _ in range(2):
        with closing(bind_owner_socket(path)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
