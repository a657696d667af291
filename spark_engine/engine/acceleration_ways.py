"""Every way there is to run a backend's models, whether or not this machine has what it takes: a table."""

from msgspec import Struct

from spark_engine.types.acceleration import CPU_CHOICE, DeviceKind

_ONNX_CPU_ONLY = "onnxruntime-genai, which runs ONNX models on other devices for Spark, has no such build."
_GGUF_CPU_ONLY = "This version of Spark runs GGUF models on the CPU."
_TORCH_CPU_ONLY = "This version of Spark runs SafeTensors and PyTorch models on the CPU."


class Way(Struct, frozen=True):
    """`device` as in `LoadPlan`; empty where Spark has no way yet, which `unsupported` says in a sentence.

    `component` is the one whose libraries run it, `distribution` a Python package that has to be there besides (`get`:
    as pip takes it; empty: there is none to get). `platforms` (empty: all) and `vendors` (empty: any) of an accelerator
    are what it needs; `needs` says that to people.
    """

    id: str
    name: str
    kind: DeviceKind
    device: str
    component: str
    platforms: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    needs: str = ""
    distribution: str = ""
    get: str = ""
    unsupported: str = ""


class BackendWays(Struct, frozen=True):
    """A backend, named as its component, with the formats it runs. The CPU comes first."""

    id: str
    name: str
    formats: tuple[str, ...]
    ways: tuple[Way, ...]


_NVIDIA, _AMD = "an NVIDIA graphics card with its driver", "an AMD graphics card with its driver"
_APPLE = "a Mac with Apple silicon"
_LINUX_WINDOWS = ("linux", "win32")

WAYS: tuple[BackendWays, ...] = (
    BackendWays(
        "onnx",
        "ONNX",
        ("onnx",),
        (
            Way(CPU_CHOICE, "CPU", "cpu", "cpu", "onnx"),
            Way("genai-cpu", "CPU by onnxruntime-genai", "cpu", "genai:cpu", "genai"),
            Way(
                "cuda", "CUDA", "gpu", "genai:cuda", "genai", _LINUX_WINDOWS, ("NVIDIA",), _NVIDIA,
                "onnxruntime-genai-cuda", "onnxruntime-genai-cuda==0.18.0",
            ),
            Way("directml", "DirectML (WinML)", "gpu", "genai:dml", "genai", ("win32",), (), "Windows with a GPU"),
            Way(
                "webgpu", "WebGPU", "gpu", "webgpu", "genai", (), (), "a graphics card with its driver",
                "onnxruntime-ep-webgpu", "onnxruntime-ep-webgpu==0.4.0",
            ),
            Way(
                "openvino", "OpenVINO", "npu", "openvino", "genai", _LINUX_WINDOWS, ("Intel",),
                "an Intel GPU or NPU with its driver", "onnxruntime-openvino",
            ),
            Way(
                "qnn", "NPU (Qualcomm QNN)", "npu", "qnn", "genai", ("win32",), ("Qualcomm",),
                "Windows with a Qualcomm NPU", "onnxruntime-qnn",
            ),
            Way("rocm", "ROCm", "gpu", "", "genai", ("linux",), ("AMD",), _AMD, unsupported=_ONNX_CPU_ONLY),
            Way("coreml", "CoreML", "gpu", "", "genai", ("darwin",), (), _APPLE, unsupported=_ONNX_CPU_ONLY),
        ),
    ),
    BackendWays(
        "gguf",
        "GGUF",
        ("gguf",),
        (
            Way(CPU_CHOICE, "CPU", "cpu", "cpu", "gguf"),
            Way("cuda", "CUDA", "gpu", "", "gguf", _LINUX_WINDOWS, ("NVIDIA",), _NVIDIA, unsupported=_GGUF_CPU_ONLY),
            Way(
                "vulkan", "Vulkan", "gpu", "", "gguf", _LINUX_WINDOWS, (), "a graphics card with its driver",
                unsupported=_GGUF_CPU_ONLY,
            ),
            Way("metal", "Metal", "gpu", "", "gguf", ("darwin",), (), _APPLE, unsupported=_GGUF_CPU_ONLY),
            Way("rocm", "ROCm", "gpu", "", "gguf", ("linux",), ("AMD",), _AMD, unsupported=_GGUF_CPU_ONLY),
        ),
    ),
    BackendWays(
        "torch",
        "PyTorch",
        ("safetensors", "pytorch"),
        (
            Way(CPU_CHOICE, "CPU", "cpu", "cpu", "torch"),
            Way(
                "cuda", "CUDA", "gpu", "", "torch", _LINUX_WINDOWS, ("NVIDIA",), _NVIDIA,
                unsupported=_TORCH_CPU_ONLY,
            ),
            Way("mps", "Metal (MPS)", "gpu", "", "torch", ("darwin",), (), _APPLE, unsupported=_TORCH_CPU_ONLY),
            Way("rocm", "ROCm", "gpu", "", "torch", ("linux",), ("AMD",), _AMD, unsupported=_TORCH_CPU_ONLY),
        ),
    ),
)  # fmt: skip
