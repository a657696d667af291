"""Memory: limits of control groups in both versions, and what real processes hold."""

import mmap
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from spark_engine.hardware import memory
from spark_engine.hardware.cgroups import Group, memory_groups
from spark_engine.hardware.memory import held_by, read_memory

MAPS = """
import mmap, sys
file = open(sys.argv[1], "rb")
pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
sum(pages[place] for place in range(0, len(pages), 4096))
held = bytearray(b"x") * 60_000_000
print(flush=True)
sys.stdin.read()
"""


def group(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text + "\n")


def v2(limit: str, current: int, file: int = 0) -> dict[str, str]:
    stat = f"anon 5\nactive_file {file}\ninactive_file 1\nshmem 7"
    return {"memory.max": limit, "memory.current": str(current), "memory.stat": stat}


def v1(limit: int, usage: int) -> dict[str, str]:
    stat = "active_file 100000\ntotal_active_file 30\ntotal_inactive_file 20"
    return {"memory.limit_in_bytes": str(limit), "memory.usage_in_bytes": str(usage), "memory.stat": stat}


def member(tmp_path: Path, text: str) -> Path:
    (tmp_path / "cgroup").write_text(text)
    return tmp_path / "cgroup"


def test_version_2_counts_every_group_around_and_gives_pages_of_files_back(tmp_path: Path) -> None:
    mount = tmp_path / "fs"
    group(mount / "user.slice" / "spark", v2("max", 50))
    for name, text in v2("1000", 600, file=99).items():
        (mount / "user.slice" / name).write_text(text)
    found = memory_groups(member(tmp_path, "0::/user.slice/spark\n"), mount)
    assert found == [Group(1000, 500)]
    assert found[0].room == 500


def test_version_1_beside_others_and_an_unlimited_group(tmp_path: Path) -> None:
    mount = tmp_path / "fs"
    group(mount / "memory" / "docker" / "a", v1(4000, 1050))
    for name, text in v1(9223372036854771712, 9).items():
        (mount / "memory" / name).write_text(text)
    lines = "9:name=systemd:/x\n5:cpu,cpuacct:/\n4:memory:/docker/a\n0::/\n"
    assert memory_groups(member(tmp_path, lines), mount) == [Group(4000, 1000)]


def test_in_a_container_the_hosts_path_is_not_there_and_the_root_is_the_group(tmp_path: Path) -> None:
    group(tmp_path / "fs", v2("2000", 100))
    assert memory_groups(member(tmp_path, "0::/host/only/../x\n"), tmp_path / "fs") == [Group(2000, 99)]


def test_no_groups_and_garbled_ones_limit_nothing(tmp_path: Path) -> None:
    assert memory_groups(tmp_path / "missing", tmp_path) == []
    group(tmp_path / "fs", v2("lots", 100))
    assert memory_groups(member(tmp_path, "0::/\nnonsense\n"), tmp_path / "fs") == []
    assert Group(10, 20).room == 0


def test_the_memory_is_the_machines_or_the_tightest_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_groups", list)
    machine = read_memory()
    assert machine.total_bytes == psutil.virtual_memory().total
    assert 0 < machine.available_bytes < machine.total_bytes
    monkeypatch.setattr(memory, "memory_groups", lambda: [Group(2000, 500), Group(1800, 100)])
    tight = read_memory()
    assert (tight.total_bytes, tight.available_bytes) == (1800, 1500)


def test_what_a_process_holds_tells_its_own_memory_from_mapped_files(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(os.urandom(1 << 20) * 50)
    assert mmap.PAGESIZE <= 65536
    command = [sys.executable, "-c", MAPS, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        held = held_by(process.pid)
        process.communicate(b"")
    if sys.platform == "linux":
        assert 60e6 < held.own < 90e6
        assert 50e6 < held.mapped < 80e6
    else:
        assert held.own > 60e6
    assert held_by(process.pid) == held_by(None) == memory.Held()
