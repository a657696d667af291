"""The endpoint file: written whole, for the owner only, and believed only while its process lives."""

import os
import stat
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from spark_engine.client.endpoint import Endpoint, is_alive, read_endpoint, remove_endpoint, write_endpoint
from spark_engine.paths import BaseDir
from tests.support.served import wait_until


def endpoint(pid: int) -> Endpoint:
    return Endpoint("http://127.0.0.1:1", "secret", pid, "0.1.0", "/a/socket")


def test_what_is_written_is_read(base: BaseDir) -> None:
    write_endpoint(base, endpoint(os.getpid()))
    assert read_endpoint(base) == endpoint(os.getpid())
    assert [f.name for f in base.run.iterdir()] == ["endpoint.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_the_owner_may_read_it(base: BaseDir) -> None:
    write_endpoint(base, endpoint(os.getpid()))
    assert stat.S_IMODE(base.endpoint_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"address": 1}', b"\xff"])
def test_a_damaged_file_is_no_endpoint(base: BaseDir, content: bytes) -> None:
    base.endpoint_file.write_bytes(content)
    assert read_endpoint(base) is None


def test_removed_is_gone(base: BaseDir) -> None:
    write_endpoint(base, endpoint(os.getpid()))
    remove_endpoint(base)
    remove_endpoint(base)
    assert read_endpoint(base) is None


def test_an_ended_process_is_no_engine_even_before_its_parent_noticed(base: BaseDir) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        write_endpoint(base, endpoint(child.pid))
        assert read_endpoint(base) is not None
        assert child.stdin is not None
        child.stdin.close()
        wait_until(lambda: not is_alive(child.pid), what="the child ended")
        if sys.platform != "win32":
            with suppress(psutil.NoSuchProcess):
                assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
        assert read_endpoint(base) is None
    assert read_endpoint(base) is None
