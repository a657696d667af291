"""Macs: property lists as ioreg prints them."""

import plistlib

import pytest

from spark_engine.hardware.apple import ASK_EVERY, AppleReader

M2 = {
    "IOClass": "AGXAcceleratorG14G",
    "IORegistryEntryID": 4294968567,
    "CFBundleIdentifier": "com.apple.AGXG14G",
    "model": "Apple M2",
    "gpu-core-count": 10,
    "PerformanceStatistics": {
        "Device Utilization %": 27,
        "Renderer Utilization %": 25,
        "In use system memory": 734_003_200,
        "Alloc system memory": 2_000_000_000,
    },
}
RADEON = {
    "IOClass": "AMDRadeonX6000_AMDNavi14GraphicsAccelerator",
    "model": b"AMD Radeon Pro 5500M\0",
    "PerformanceStatistics": {"Device Utilization %": 3, "vramUsedBytes": 1 << 30, "vramFreeBytes": 3 << 30},
}


def test_apples_own_gpu_works_in_main_memory() -> None:
    (gpu,) = AppleReader(lambda: plistlib.dumps([M2])).read(frozenset()).devices
    assert (gpu.id, gpu.name, gpu.vendor) == ("apple/4294968567", "Apple M2", "Apple")
    assert (gpu.load, gpu.memory_used_bytes, gpu.unified) == (0.27, 734_003_200, True)
    assert gpu.memory_total_bytes is None
    assert gpu.missing["temperature_c"] == "macOS does not tell it"


def test_a_card_with_memory_of_its_own() -> None:
    (gpu,) = AppleReader(lambda: plistlib.dumps([RADEON])).read(frozenset()).devices
    assert (gpu.name, gpu.unified) == ("AMD Radeon Pro 5500M", False)
    assert (gpu.memory_used_bytes, gpu.memory_total_bytes) == (1 << 30, 4 << 30)


def test_a_gpu_that_tells_nothing_has_reasons() -> None:
    (gpu,) = AppleReader(lambda: plistlib.dumps([{"IOClass": "X"}])).read(frozenset()).devices
    assert gpu.load is gpu.memory_used_bytes is None
    assert {"load", "memory_used_bytes"} <= gpu.missing.keys()


@pytest.mark.parametrize("told", [b"", b"<plist><array/></plist>", b"no property list"])
def test_no_gpu_and_no_sense_are_answers(told: bytes) -> None:
    found = AppleReader(lambda: told).read(frozenset())
    assert found.devices == ()
    assert found.reason


def test_ioreg_is_not_asked_at_every_reading() -> None:
    asked: list[int] = []

    def run() -> bytes:
        asked.append(1)
        return plistlib.dumps([M2])

    reader = AppleReader(run)
    for _ in range(2 * ASK_EVERY):
        assert reader.read(frozenset()).devices
    assert len(asked) == 2
