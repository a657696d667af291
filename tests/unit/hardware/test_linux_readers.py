"""AMD, Intel and NPUs on Linux: read from recorded trees of sysfs and procfs."""

from pathlib import Path

import pytest

from spark_engine.hardware import sysfs
from spark_engine.hardware.amd import AmdReader
from spark_engine.hardware.drm import clients, files_of, parse
from spark_engine.hardware.intel import IntelReader
from spark_engine.hardware.npu import NpuReader
from spark_engine.hardware.sysfs import pci_name
from tests.support import sysfs_tree as tree

NOBODY: frozenset[int] = frozenset()


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    return tmp_path / "proc"


def test_amd_tells_load_memory_heat_power_and_sparks_part(tmp_path: Path, proc: Path) -> None:
    tree.amd(tmp_path)
    tree.opening(proc, 7, 5, tree.AMD_FDINFO.format(client=1, bus=tree.AMD_BUS, kib=2048))
    tree.opening(proc, 7, 6, tree.AMD_FDINFO.format(client=1, bus=tree.AMD_BUS, kib=2048))
    tree.opening(proc, 7, 8, tree.AMD_FDINFO.format(client=2, bus="0000:09:00.0", kib=64))
    tree.opening(proc, 8, 5, tree.AMD_FDINFO.format(client=3, bus=tree.AMD_BUS, kib=512))
    (card,) = AmdReader(tmp_path, proc).read(frozenset((7,))).devices
    assert (card.id, card.kind, card.vendor) == (f"amd/{tree.AMD_BUS}", "gpu", "AMD")
    assert card.driver == "amdgpu 6.8.5"
    assert card.load == 0.37
    assert (card.memory_used_bytes, card.memory_total_bytes) == (8_589_934_592, 25_753_026_560)
    assert card.own_memory_bytes == 2048 * 1024
    assert (card.temperature_c, card.power_w, card.power_limit_w) == (61.0, 142.0, 339.0)
    assert card.missing == {}


def test_what_amd_does_not_tell_has_a_reason(tmp_path: Path, proc: Path) -> None:
    place = tree.amd(tmp_path, gpu_busy_percent="")
    (place / "mem_info_vram_used").unlink()
    for file in (place / "hwmon" / "hwmon3").iterdir():
        file.unlink()
    (card,) = AmdReader(tmp_path, proc).read(NOBODY).devices
    assert card.load is card.memory_used_bytes is card.temperature_c is card.power_w is None
    assert card.memory_total_bytes
    assert card.missing.keys() == {"load", "memory_used_bytes", "temperature_c", "power_w"}
    assert all(reason.startswith("The driver does not tell it") for reason in card.missing.values())


@pytest.mark.parametrize("reader", [AmdReader, IntelReader, NpuReader])
def test_no_device_is_an_answer(tmp_path: Path, reader: type) -> None:
    found = reader(tmp_path).read(NOBODY)
    assert found.devices == ()
    assert found.reason.startswith("There is no ")


def test_another_vendors_card_is_not_read_as_ones_own(tmp_path: Path, proc: Path) -> None:
    tree.amd(tmp_path)
    assert IntelReader(tmp_path, proc).read(NOBODY).devices == ()


def test_intels_load_is_that_of_the_busiest_engine_over_all_programs(tmp_path: Path, proc: Path) -> None:
    tree.intel(tmp_path)

    def used(pid: int, client: int, render: int, video: int) -> None:
        text = tree.I915_FDINFO.format(
            client=client, bus=tree.INTEL_BUS, kib=1000, render=render, video=video
        )
        file = proc / str(pid) / "fdinfo" / "4"
        file.write_text(text) if file.exists() else tree.opening(proc, pid, 4, text)

    used(7, 1, 10**9, 0)
    used(8, 2, 0, 5 * 10**8)
    reader = IntelReader(tmp_path, proc)
    first = reader.read(frozenset((7,)), now=10.0).devices[0]
    assert first.load is None
    assert first.missing["load"] == "It is known from the second reading on"
    used(7, 1, 10**9 + 6 * 10**8, 10**8)
    used(8, 2, 4 * 10**8, 5 * 10**8)
    second = reader.read(frozenset((7,)), now=12.0).devices[0]
    assert second.load == pytest.approx(0.5)
    assert (second.memory_used_bytes, second.own_memory_bytes) == (2000 * 1024, 1000 * 1024)
    assert second.unified
    assert second.memory_total_bytes is None
    assert second.mhz == 1300


def test_intels_arc_counts_cycles_and_energy(tmp_path: Path, proc: Path) -> None:
    place = tree.intel(tmp_path, discrete=True)
    file = tree.opening(proc, 7, 4, "")

    def used(cycles: int, total: int) -> None:
        bus = tree.INTEL_BUS
        file.write_text(tree.XE_FDINFO.format(client=1, bus=bus, kib=4096, cycles=cycles, total=total))

    used(100, 1000)
    reader = IntelReader(tmp_path, proc)
    reader.read(NOBODY, now=1.0)
    used(350, 2000)
    (place / "hwmon" / "hwmon4" / "energy1_input").write_text("65000000\n")
    card = reader.read(NOBODY, now=3.0).devices[0]
    assert card.load == pytest.approx(0.25)
    assert card.power_w == pytest.approx(30.0)
    assert card.memory_total_bytes == 17_179_869_184
    assert card.memory_used_bytes == 4096 * 1024
    assert not card.unified


def test_an_npu_tells_how_long_it_was_busy(tmp_path: Path) -> None:
    place = tree.npu(tmp_path)
    reader = NpuReader(tmp_path)
    assert reader.read(NOBODY, now=5.0).devices[0].load is None
    (place / "npu_busy_time_us").write_text("1600000\n")
    one = reader.read(NOBODY, now=7.0).devices[0]
    assert one.load == pytest.approx(0.3)
    assert (one.kind, one.vendor, one.memory_used_bytes, one.mhz) == ("npu", "Intel", 314_572_800, 1400)
    (place / "npu_busy_time_us").unlink()
    assert "load" in reader.read(NOBODY, now=8.0).devices[0].missing


def test_names_come_from_the_systems_list_of_pci_numbers(tmp_path: Path) -> None:
    ids = tmp_path / "pci.ids"
    ids.write_text(
        "# a comment\n1001  Other\n\t744c  Not this one\n1002  Advanced Micro Devices, Inc. [AMD/ATI]\n"
        "\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX]\n\t\t1002 0e3b  RX 7900 GRE\n\t7480  Navi 33\n"
    )
    assert pci_name(0x1002, 0x744C, (ids,)) == "Radeon RX 7900 XT/7900 XTX"
    assert pci_name(0x1002, 0x7480, (tmp_path / "missing", ids)) == "Navi 33"
    assert pci_name(0x1002, 0x9999, (ids,)) == ""
    place = tree.amd(tmp_path / "sys")
    assert sysfs.device_name(place, "AMD", "GPU", (ids,)) == "AMD Radeon RX 7900 XT/7900 XTX"
    assert sysfs.device_name(place, "AMD", "GPU", ()) == "AMD GPU 744c"


def test_fdinfo_of_other_files_and_of_nobody(proc: Path) -> None:
    assert parse(1, "pos:\t0\nflags:\t02\n") is None
    assert files_of(999, proc) == []
    tree.opening(proc, 7, 3, "pos: 0", target="/dev/null")
    assert files_of(7, proc) == []
    assert list(clients([proc / "7" / "fdinfo" / "99"])) == []
