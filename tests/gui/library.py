"""A library as the window's tests of downloads need it: what can be fetched, what fits, and whose files they are."""

from msgspec.structs import replace

from spark_engine.types.downloads import DownloadEntry, DownloadStatus
from spark_engine.types.fit import Fit
from spark_engine.types.models import ModelEntry, NotInstalled, Unloaded, VariantEntry
from spark_engine.types.state import EngineState
from tests.gui.states import sample_models, sample_state

HUB = "microsoft/Phi-4-mini-instruct-onnx"
CPU, GPU, FULL = "phi-4-mini:onnx-int4-cpu", "phi-4-mini:onnx-int4-gpu", "phi-4-mini:safetensors"
LLAMA, EVIL, OWN = "llama:gguf-q4_k_m", "evil:gguf-q2_k", "qwen:gguf-q8_0"
FITS = Fit("fits", 4_900_000_000, 500_000_000, 200_000_000, 9_000_000_000, 4096, 32768, 9.2)
LESS = replace(FITS, verdict="smaller_context", largest_context=8192, tokens_per_second=9.43, measured=True)
LARGE = replace(
    FITS, verdict="too_large", weights_bytes=11_300_000_000, largest_context=0, tokens_per_second=0.0
)


def phi() -> ModelEntry:
    """Phi-4-mini, none of it here."""
    variants = (
        VariantEntry(CPU, "onnx", "int4", 4_930_000_000, NotInstalled(), repository=HUB, fit=FITS),
        VariantEntry(GPU, "onnx", "int4", 3_410_000_000, NotInstalled(), repository=HUB, fit=LESS),
        VariantEntry(
            FULL, "safetensors", "bfloat16", 7_670_000_000, NotInstalled(), repository=HUB, fit=LARGE
        ),
    )
    return replace(sample_models()["phi-4-mini"], variants=variants)


def library(models_folder: str = "/base/models") -> dict[str, ModelEntry]:
    """spark-nano, Phi-4-mini to fetch, and a model each of Ollama, of a folder that is not trusted, and of Spark."""
    llama = VariantEntry(
        LLAMA, "gguf", "Q4_K_M", 2_020_000_000, Unloaded(), "/o/blobs/sha256-1", owner="ollama"
    )
    reason = "The header of model.gguf says it has 99 billion tensors; that cannot be."
    evil = VariantEntry(EVIL, "gguf", "Q2_K", 9_000_000_000, Unloaded(), "/h/model.gguf", owner="huggingface")
    own = VariantEntry(
        OWN, "gguf", "Q8_0", 530_000_000, Unloaded(), f"{models_folder}/qwen/gguf-q8_0", repository="Q/q"
    )
    return sample_models() | {
        "phi-4-mini": phi(),
        "llama": _model("llama", "Llama 3.2", llama),
        "evil": _model("evil", "Unknown", replace(evil, rejected=reason, fit=FITS)),
        "qwen": _model("qwen", "Qwen", replace(own, fit=FITS)),
    }


def state_of(
    models: dict[str, ModelEntry] | None = None, *downloads: DownloadEntry, folder: str = "/base/models"
) -> EngineState:
    """A running engine with this library and these downloads."""
    found = library(folder) if models is None else models
    return replace(sample_state(), models=found, downloads={d.id: d for d in downloads})


def download(
    status: DownloadStatus, done: float = 1.2e9, id: str = CPU, total: float = 4.93e9
) -> DownloadEntry:
    """A download of Phi-4-mini, a quarter of it here."""
    return DownloadEntry(id, HUB, status, "f3f7a3c9d1e2", int(total), int(done), 9, 3, 1.0)


def many(count: int) -> dict[str, ModelEntry]:
    """So many models of three variants each, every second one here."""
    return {f"model-{n:03}": _model(f"model-{n:03}", f"Model {n}", *_variants(n)) for n in range(count)}


def _variants(number: int) -> list[VariantEntry]:
    status, path = (Unloaded(), "/o/blob") if number % 2 else (NotInstalled(), None)
    ids = [f"model-{number:03}:gguf-q{bits}" for bits in (4, 6, 8)]
    return [VariantEntry(id, "gguf", "Q4_K_M", 10**9, status, path, repository="a/b", fit=FITS) for id in ids]


def _model(id: str, name: str, *variants: VariantEntry) -> ModelEntry:
    return ModelEntry(id, name, "llama", "MIT", "A model.", 3_000_000_000, 8192, tuple(variants))
