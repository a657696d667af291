"""A model whose files are in order as far as an inspection can tell, and that no runner can load all the same."""

import shutil
from pathlib import Path

from spark_engine.paths import resources


def write_unloadable(folder: Path) -> None:
    """spark-nano as ONNX with a tokenizer of no known kind."""
    shutil.copytree(resources() / "spark_nano" / "onnx-int4", folder)
    (folder / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "Unheard-of"}}')
