"""The whole corpus of hostile files in a real engine's library: nothing of it can be loaded, and the engine lives."""

from pathlib import Path

import psutil
import pytest

from spark_engine.types.models import VariantEntry, is_installed
from tests.support.hostile_gguf import GGUF
from tests.support.hostile_links import LINKS
from tests.support.hostile_onnx import ONNX
from tests.support.hostile_pytorch import PYTORCH
from tests.support.hostile_safetensors import SAFETENSORS
from tests.support.served import Served, children, serve, wait_until

CORPUS = [write for group in (GGUF, SAFETENSORS, ONNX, PYTORCH, LINKS) for _, write in group.values()]
MIB = 1 << 20


def hostile(served: Served) -> list[VariantEntry]:
    """The variants that the engine lists of the corpus."""
    models = served.state().models.values()
    return [v for m in models if m.id.startswith("hostile-") for v in m.variants if is_installed(v.status)]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_of_the_corpus_can_be_loaded_and_the_engine_lives(tmp_path: Path) -> None:
    with serve(tmp_path, models_preload="false") as served:
        before = psutil.Process(served.process.pid).memory_info().rss
        for number, write in enumerate(CORPUS):
            folder = tmp_path / "models" / f"hostile-{number}" / "v"
            folder.mkdir(parents=True)
            write(folder)
        assert served.control("models/scan").status_code == 202
        listed = hostile(served)
        assert len(listed) >= 60
        assert all(variant.rejected for variant in listed), [v.id for v in listed if not v.rejected]
        codes = {served.control(f"models/{variant.id}/load").status_code for variant in listed[::10]}
        assert codes == {409}
        wait_until(lambda: not children(served.process.pid), 10, "every child has ended")
        assert served.ask("hello", "echo:plain")["choices"][0]["message"]["content"] == "hello"  # type: ignore[index]
        assert psutil.Process(served.process.pid).memory_info().rss < before + 40 * MIB
        print(f"{len(CORPUS)} hostile models, {len(listed)} shown with their reasons, none can be loaded")
