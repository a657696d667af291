"""Acceleration as the window's tests need it: a backend with a choice in every state, and a small one."""

from spark_engine.types.acceleration import (
    AccelerationBackend,
    AccelerationCheck,
    AccelerationChoice,
    Verdict,
)

LIBRARY, DRIVER, CARD = (
    "ONNX Runtime GenAI 0.18.0, onnxruntime-genai-cuda 0.18.0",
    "610.43.02",
    "NVIDIA GeForce RTX 4070",
)


def check(
    verdict: Verdict, title: str, message: str, speed: float = 0.0, **more: object
) -> AccelerationCheck:
    return AccelerationCheck(
        verdict, 1_795_000_000.0, title, message, took_s=2.1, compared=102 if speed else 0,
        largest_difference=0.034 if speed else 0.0, mean_difference=0.004 if speed else 0.0,
        tokens_per_second=speed, cpu_tokens_per_second=1530.0 if speed else 0.0, **more,
    )  # fmt: skip


def choice(
    id: str, name: str, device: str = CARD, *, trial: AccelerationCheck | None = None, **more: object
) -> AccelerationChoice:
    facts = {"found": True, "installed": True, "library": LIBRARY, "driver": DRIVER} | more
    return AccelerationChoice(id, name, "gpu", device, check=trial, **facts)  # type: ignore[arg-type]


CPU = choice(
    "cpu", "CPU", "AMD Ryzen 7 7840U, AVX-512, 8 threads", driver="", library="ONNX Runtime 1.31.1", in_use=True,
    trial=check("right", "It works", "spark-nano says what it knows by heart, at 1530 tokens/s.", 1530.0,
                device="CPU", library="ONNX Runtime 1.31.1"),
)  # fmt: skip
GENAI = choice(
    "genai-cpu", "CPU by onnxruntime-genai", "AMD Ryzen 7 7840U, AVX-512, 8 threads", driver="",
    trial=check("slow", "It is slower than the CPU",
                "102 tokens agree with the CPU's, but spark-nano writes 483 tokens/s here and 1530 on the CPU alone.",
                483.0, library=LIBRARY),
)  # fmt: skip
CUDA = choice(
    "cuda", "CUDA",
    trial=check("right", "It works", "102 tokens agree with the CPU's; spark-nano writes 2410 tokens/s, 1530 on the "
                "CPU alone.", 2410.0, library=LIBRARY, driver=DRIVER),
)  # fmt: skip
WRONG = choice(
    "directml", "DirectML (WinML)",
    trial=check("wrong", "It computes wrongly", "Log-probabilities differ from the CPU's: the most by 7.31, by 1.204 "
                "in the mean, where 2.5 and 0.25 are allowed.", library=LIBRARY, driver=DRIVER),
)  # fmt: skip
CRASHED = choice(
    "webgpu", "WebGPU",
    trial=check("crashed", "The process crashed", "Its process ended (signal 11) while answering.", library=LIBRARY,
                driver=DRIVER, evidence="Fatal Python error: Segmentation fault\nCurrent thread 0x00007f21 (most "
                "recent call first):\n  File \"genai.py\", line 164 in append"),
)  # fmt: skip
UNCHECKED = choice("cpu-1", "CPU, 1 thread", "AMD Ryzen 7 7840U, AVX-512, 1 thread", driver="")
MISSING = choice(
    "openvino", "OpenVINO", "Intel AI Boost", installed=False, library="", driver="",
    why="The Python package onnxruntime-openvino is not installed.",
    command="/home/ada/spark/.venv/bin/python -m pip install onnxruntime-openvino",
)  # fmt: skip
ABSENT = choice(
    "coreml",
    "CoreML",
    "",
    found=False,
    installed=False,
    library="",
    driver="",
    why="It needs a Mac with Apple silicon.",
)
ONNX = AccelerationBackend(
    "onnx", "ONNX", ("onnx",), chosen="cpu", why="Nothing that was checked here is faster than the CPU.",
    choices=(CPU, UNCHECKED, GENAI, CUDA, WRONG, CRASHED, MISSING, ABSENT),
)  # fmt: skip
GGUF = AccelerationBackend(
    "gguf", "GGUF", ("gguf",), why="Nothing that was checked here is faster than the CPU.",
    choices=(
        choice("cpu", "CPU", "AMD Ryzen 7 7840U, AVX-512, 8 threads", installed=False, library="", driver="",
               why="llama.cpp is not installed.", command="spark backends install gguf"),
        choice("vulkan", "Vulkan", installed=False, library="", driver="",
               why="This version of Spark runs GGUF models on the CPU."),
    ),
)  # fmt: skip
