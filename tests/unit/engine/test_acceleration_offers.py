"""What each way to run models comes to on machines of every kind: pure, from what a machine says of itself."""

from typing import Any

from spark_engine.engine.acceleration_machine import Machine, instruction_level, read_machine
from spark_engine.engine.acceleration_offers import Offer, offers
from spark_engine.engine.acceleration_ways import WAYS
from spark_engine.engine.component_list import COMPONENTS, Installation
from spark_engine.types.components import Broken, ComponentEntry, Verified
from spark_engine.types.hardware import AcceleratorReading

NVIDIA = AcceleratorReading("nvidia/0", "gpu", "NVIDIA", "RTX 4070", driver="610.2")
AMD = AcceleratorReading("amd/0", "gpu", "AMD", "Radeon RX 7900", driver="amdgpu")
INTEL_NPU = AcceleratorReading("npu/0", "npu", "Intel", "Intel AI Boost")
AVX512 = frozenset(
    (
        "sse4_2",
        "avx",
        "avx2",
        "f16c",
        "fma",
        "bmi2",
        "avx512f",
        "avx512cd",
        "avx512vl",
        "avx512dq",
        "avx512bw",
    )
)


def machine(*accelerators: AcceleratorReading, **other: Any) -> Machine:
    components = {
        c.id: ComponentEntry(
            c.id, c.name, c.formats, c.optional, 1, Verified("1", "AVX512" if c.id == "gguf" else "")
        )
        for c in COMPONENTS
    }
    facts: dict[str, Any] = {
        "platform": "linux",
        "processor": "Test CPU",
        "architecture": "x86_64",
        "features": AVX512,
        "cores": 8,
        "accelerators": accelerators,
        "components": components,
        "installed": {c.id: Installation("1", f"files of {c.id}") for c in COMPONENTS},
        "distributions": {},
    }
    return Machine(**(facts | other))


def of(backend: str, here: Machine) -> dict[str, Offer]:
    found = next(b for b in WAYS if b.id == backend)
    return {offer.choice.id: offer for offer in offers(found, here)}


def test_the_processor_with_its_instruction_level_and_threads() -> None:
    found = of("onnx", machine())
    assert list(found)[:3] == ["cpu", "cpu-4", "cpu-1"]
    assert found["cpu"].choice.device == "Test CPU, AVX-512, 8 threads"
    assert found["cpu-1"].choice.device == "Test CPU, AVX-512, 1 thread"
    assert (found["cpu-4"].seat.threads, found["cpu-4"].seat.device) == (4, "cpu")
    assert found["genai-cpu"].seat.device == "genai:cpu"
    assert "cpu-1" not in of("onnx", machine(cores=1))
    assert instruction_level("arm64", frozenset(("asimddp",))) == "NEON with dot products"


def test_own_kernels_are_named_where_they_compute_and_ask_for_a_new_trial_when_built_anew() -> None:
    without, built, anew = (of("onnx", machine(kernels=version)) for version in ("", "1", "2"))
    assert "kernels" not in without["cpu"].choice.library
    assert built["cpu"].choice.library.endswith("with Spark's own kernels")
    assert "kernels" not in built["genai-cpu"].choice.library
    assert len({found["cpu"].key for found in (without, built, anew)}) == 3
    of_gguf = of("gguf", machine(kernels="1"))["cpu"]
    assert of_gguf.choice.library.endswith("; Q4_0 files: Spark's own kernels")
    assert of_gguf.key == of("gguf", machine())["cpu"].key


def test_hardware_that_is_not_here_is_said_so() -> None:
    found = of("onnx", machine())
    assert not found["cuda"].choice.found and "NVIDIA" in found["cuda"].choice.why
    assert "Windows" in found["directml"].choice.why and not found["directml"].choice.found
    assert "not been read yet" in of("onnx", machine(accelerators=None))["cuda"].choice.why


def test_a_library_that_is_missing_comes_with_its_command() -> None:
    cuda = of("onnx", machine(NVIDIA))["cuda"].choice
    assert (cuda.found, cuda.installed, cuda.device, cuda.driver) == (True, False, "RTX 4070", "610.2")
    assert "onnxruntime-genai-cuda" in cuda.why and cuda.command.endswith(
        "pip install onnxruntime-genai-cuda==0.18.0"
    )
    there = of("onnx", machine(NVIDIA, distributions={"onnxruntime-genai-cuda": "0.18.0"}))["cuda"].choice
    assert there.installed and there.library.endswith("onnxruntime-genai-cuda 0.18.0") and not there.why
    plain = of("gguf", machine(installed={}))["cpu"].choice
    assert (plain.installed, plain.command) == (False, "spark backends install gguf")


def test_a_component_that_does_not_work_is_not_installed() -> None:
    here = machine()
    broken = Broken("x", "The self-test failed", "It crashed.")
    entry = ComponentEntry("gguf", "llama.cpp", ("gguf",), True, 1, broken)
    found = of("gguf", machine(components={**here.components, "gguf": entry}))["cpu"].choice
    assert not found.installed and "The self-test failed" in found.why


def test_what_spark_has_no_way_for_is_found_and_says_so() -> None:
    rocm = of("gguf", machine(AMD))["rocm"].choice
    assert (rocm.found, rocm.installed, rocm.command) == (True, False, "") and "CPU" in rocm.why
    assert of("onnx", machine(INTEL_NPU))["openvino"].choice.found


def test_other_builds_of_llama_cpp_come_with_the_command_that_makes_them() -> None:
    found = of("gguf", machine())
    avx2 = found["cpu-avx2"].choice
    assert not avx2.installed and "built for AVX512" in avx2.why
    assert avx2.command.startswith('CMAKE_ARGS="-DGGML_NATIVE=OFF') and "llama-cpp-python==" in avx2.command
    assert "cpu-avx512" not in found and "cpu-baseline" in found


def test_a_key_changes_with_files_driver_and_processor_and_with_nothing_else() -> None:
    def key(here: Machine, choice: str = "cuda") -> str:
        return of("onnx", here)[choice].key

    before = machine(NVIDIA)
    assert key(before) == key(machine(NVIDIA, cores=4))
    other_driver = AcceleratorReading("nvidia/0", "gpu", "NVIDIA", "RTX 4070", driver="620.1")
    assert key(before) != key(machine(other_driver))
    assert key(before, "cpu") == key(machine(other_driver), "cpu")
    files = {**before.installed, "onnx": Installation("1", "other files")}
    for choice in ("cpu", "genai-cpu", "cuda"):
        assert key(before, choice) != key(machine(NVIDIA, installed=files), choice), choice
    assert key(before, "cpu") != key(machine(NVIDIA, processor="Another"), "cpu")


def test_this_machine_can_be_read() -> None:
    here = read_machine({}, None)
    assert here.cores >= 1 and here.processor and "onnx" in here.installed
    assert of("onnx", here)["cpu"].choice.installed
