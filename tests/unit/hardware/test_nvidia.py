"""NVIDIA by NVML: a library shaped like the real one, its structures and its errors taken from nvidia-ml-py itself."""

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from spark_engine.hardware.nvidia import NvidiaReader

MINE = frozenset((41, 42))


class FakeNvml:
    """One card; `broken` names calls that fail, with the error's number."""

    NVMLError = pynvml.NVMLError

    def __init__(self, **broken: int) -> None:
        self.broken, self.inits, self.shutdowns = broken, 0, 0

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("nvml") and name in object.__getattribute__(self, "broken"):
            raise_it = pynvml.NVMLError(object.__getattribute__(self, "broken")[name])

            def call(*arguments: object) -> object:
                raise raise_it

            return call
        return object.__getattribute__(self, name)

    def nvmlInit(self) -> None:
        self.inits += 1

    def nvmlShutdown(self) -> None:
        self.shutdowns += 1

    def nvmlSystemGetDriverVersion(self) -> str:
        return "555.42.02"

    def nvmlDeviceGetCount(self) -> int:
        return 1

    def nvmlDeviceGetHandleByIndex(self, at: int) -> Any:
        return pynvml.c_nvmlDevice_t()

    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any:
        return pynvml.c_nvmlUtilization_t(gpu=63, memory=20)

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:
        return pynvml.c_nvmlMemory_t(total=12 << 30, free=8 << 30, used=4 << 30)

    def nvmlDeviceGetPowerUsage(self, handle: Any) -> int:
        return 140_500

    def nvmlDeviceGetEnforcedPowerLimit(self, handle: Any) -> int:
        return 200_000

    def nvmlDeviceGetTemperature(self, handle: Any, sensor: int) -> int:
        assert sensor == pynvml.NVML_TEMPERATURE_GPU
        return 62

    def nvmlDeviceGetClockInfo(self, handle: Any, clock: int) -> int:
        assert clock == pynvml.NVML_CLOCK_GRAPHICS
        return 1920

    def nvmlDeviceGetUUID(self, handle: Any) -> str:
        return "GPU-1"

    def nvmlDeviceGetName(self, handle: Any) -> bytes:
        return b"NVIDIA GeForce RTX 4070"

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> list[Any]:
        return [process(41, 3 << 30), process(7, 1 << 30)]

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: Any) -> list[Any]:
        return [process(41, 3 << 30), process(42, 1 << 20)]


def process(pid: int, held: int | None) -> Any:
    return SimpleNamespace(pid=pid, usedGpuMemory=held, gpuInstanceId=None, computeInstanceId=None)


def test_a_card_tells_everything() -> None:
    found = NvidiaReader(FakeNvml).read(MINE)
    (card,) = found.devices
    assert found.reason == ""
    assert (card.id, card.name, card.driver) == ("nvidia/GPU-1", "NVIDIA GeForce RTX 4070", "555.42.02")
    assert card.load == 0.63
    assert (card.memory_used_bytes, card.memory_total_bytes) == (4 << 30, 12 << 30)
    assert card.own_memory_bytes == (3 << 30) + (1 << 20)
    assert (card.temperature_c, card.power_w, card.power_limit_w, card.mhz) == (62.0, 140.5, 200.0, 1920)
    assert card.missing == {}


def test_what_a_card_does_not_support_has_a_reason_and_the_rest_is_read() -> None:
    fake = FakeNvml(
        nvmlDeviceGetUtilizationRates=pynvml.NVML_ERROR_NOT_SUPPORTED,
        nvmlDeviceGetPowerUsage=pynvml.NVML_ERROR_NOT_SUPPORTED,
        nvmlDeviceGetEnforcedPowerLimit=pynvml.NVML_ERROR_NOT_SUPPORTED,
    )
    (card,) = NvidiaReader(lambda: fake).read(MINE).devices
    assert card.load is card.power_w is card.power_limit_w is None
    assert card.missing == dict.fromkeys(("load", "power_w"), "The driver does not tell it (Not Supported)")
    assert card.memory_total_bytes == 12 << 30


def test_programs_whose_memory_windows_hides_are_not_counted_as_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FakeNvml, "nvmlDeviceGetComputeRunningProcesses", lambda *_: [process(41, None)])
    monkeypatch.setattr(FakeNvml, "nvmlDeviceGetGraphicsRunningProcesses", lambda *_: [])
    (card,) = NvidiaReader(FakeNvml).read(MINE).devices
    assert card.own_memory_bytes is None
    assert "which programs" in card.missing["own_memory_bytes"]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "is not installed"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "not loaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "restart the computer"),
        (pynvml.NVML_ERROR_UNKNOWN, "Unknown Error"),
    ],
)
def test_a_driver_that_does_not_start_is_an_answer(number: int, said: str) -> None:
    found = NvidiaReader(lambda: FakeNvml(nvmlInit=number)).read(MINE)
    assert found.devices == ()
    assert said in found.reason


def test_a_lost_card_is_told_and_the_library_opened_anew() -> None:
    fake = FakeNvml(nvmlDeviceGetUUID=pynvml.NVML_ERROR_GPU_IS_LOST)
    reader = NvidiaReader(lambda: fake)
    assert "GPU is lost" in reader.read(MINE).reason
    fake.broken.clear()
    assert reader.read(MINE).devices
    assert reader.read(MINE).devices
    assert (fake.inits, fake.shutdowns) == (2, 1)


def test_the_real_library_without_a_driver_is_an_answer_too() -> None:
    found = NvidiaReader().read(MINE)
    assert found.devices or found.reason
