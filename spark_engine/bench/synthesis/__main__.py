"""`python -m spark_engine.bench.synthesis FOLDER --size quarter`: makes the model's files, a line of JSON per step.

Where stdin is a pipe, its end ends this program too, and the builder with it: nobody wants the model any more.
"""

import argparse
import json
import os
import shutil
import stat
import sys
import threading
from pathlib import Path

from spark_engine.bench.synthesis.made import work_folder
from spark_engine.bench.synthesis.shape import SHAPES, TITLES

NEEDED = ("torch", "transformers", "safetensors", "onnxruntime_genai", "onnx", "onnx_ir", "gguf", "numpy")


def main() -> int:
    """Make the model; the exit status is 0 when its files are there."""
    parser = argparse.ArgumentParser(prog="python -m spark_engine.bench.synthesis", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--size", choices=sorted(SHAPES), default="quarter")
    options = parser.parse_args()
    if missing := missing_modules():
        _tell(missing=missing)
        return 1
    threading.Thread(target=_end_with_stdin, args=(options.folder,), daemon=True).start()
    from spark_engine.bench.synthesis.make import make

    make(options.size, options.folder, lambda fraction, text: _tell(fraction=round(fraction, 3), text=text))
    _tell(made=f"{TITLES[options.size]} in {options.folder}")
    return 0


def missing_modules() -> list[str]:
    """The modules that are needed and not installed for this Python."""
    from importlib.util import find_spec

    return [name for name in NEEDED if find_spec(name) is None]


def _tell(**message: object) -> None:
    print(json.dumps(message), flush=True)


def _end_with_stdin(folder: Path) -> None:
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return
    while os.read(0, 4096):
        pass
    from spark_engine.bench.synthesis.onnx_folder import end_builders

    end_builders()
    shutil.rmtree(work_folder(folder), ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
