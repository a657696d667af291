"""States of an engine as the window's tests need them: two models with every kind of variant."""

from msgspec.structs import replace

from spark_engine.types.components import ComponentEntry, Missing
from spark_engine.types.health import HealthReport, PartHealth
from spark_engine.types.metrics import MetricsSample
from spark_engine.types.models import ModelEntry, NotInstalled, Ready, Unloaded, VariantEntry, VariantStatus
from spark_engine.types.state import EngineInfo, EngineState
from tests.gui.acceleration import GGUF, ONNX
from tests.gui.hardware import GPU, reading

READY = Ready("CPU", 4096, 8, 48_000_000, 412.0, 123)
NANO, NANO_GGUF = "spark-nano:onnx-int4", "spark-nano:gguf-q8_0"
PHI, PHI_GPU = "phi-4-mini:onnx-int4-cpu", "phi-4-mini:onnx-int4-gpu"


def sample_models(nano: VariantStatus = READY) -> dict[str, ModelEntry]:
    """spark-nano (ready; GGUF without its component) and Phi-4-mini (one variant here, one not)."""
    small = (
        VariantEntry(NANO, "onnx", "int4", 5_300_000, nano, "/models/nano"),
        VariantEntry(NANO_GGUF, "gguf", "Q8_0", 6_100_000, Unloaded(), "/models/nano.gguf", "gguf"),
    )
    big = (
        VariantEntry(PHI, "onnx", "int4", 4_930_000_000, Unloaded(), "/models/phi"),
        VariantEntry(PHI_GPU, "onnx", "int4", 3_410_000_000, NotInstalled()),
    )
    return {
        "spark-nano": ModelEntry(
            "spark-nano", "Spark nano", "phi", "MIT", "A guide.", 5_000_000, 4096, small
        ),
        "phi-4-mini": ModelEntry(
            "phi-4-mini", "Phi-4-mini", "phi", "MIT", "A model.", 3_836_021_760, 131072, big
        ),
    }


def sample_state(nano: VariantStatus = READY) -> EngineState:
    """A running engine with `sample_models`."""
    health = HealthReport(True, (), (PartHealth("api", "API", "ok", "http://127.0.0.1:8910"),))
    gguf = ComponentEntry("gguf", "llama.cpp", ("gguf",), True, 80_000_000, Missing())
    memory = MetricsSample(1.0, 0.0, 0, 0, 98_000_000, 146_000_000, 16_000_000_000, 8_000_000_000)
    info = EngineInfo("0.1.0", 1, 0.0, "http://127.0.0.1:8910", "/base")
    state = EngineState(info, "ready", NANO, sample_models(nano), metrics=memory)
    return replace(
        state,
        components={"gguf": gguf},
        hardware=reading(1.0, GPU),
        health=health,
        acceleration={"onnx": ONNX, "gguf": GGUF},
    )
