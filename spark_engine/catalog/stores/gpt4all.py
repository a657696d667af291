"""Models that GPT4All keeps: GGUF files in one folder, and in the cache of its Python package.

Sources: docs.gpt4all.io/gpt4all_desktop/settings.html (the download path on each system), docs.gpt4all.io/
gpt4all_python.html (`~/.cache/gpt4all`), nomic-ai/gpt4all `gpt4all-chat/src/mysettings.cpp` (`modelPath`, which Qt
keeps in `nomic.ai/GPT4All.ini`).
Files it is still fetching are named `incomplete-…`.
"""

import re
from pathlib import Path

from spark_engine.catalog.stores.found import Environment, FoundModel
from spark_engine.catalog.stores.places import absolute_folder, data_folder, settings_folder
from spark_engine.catalog.stores.reading import read_text
from spark_engine.catalog.stores.tree import models_under

OWNER = "gpt4all"
_MODEL_PATH = re.compile(r"^modelPath=\"?([^\"\n\r]+)", re.MULTILINE)


def folders(home: Path, environment: Environment, platform: str) -> list[Path]:
    """The folder its settings name, its own folder, and that of its Python package."""
    settings = home / ".config" if platform == "darwin" else settings_folder(home, environment, platform)
    match = _MODEL_PATH.search(read_text(settings / "nomic.ai" / "GPT4All.ini", 65536) or "")
    chosen = absolute_folder(match[1]) if match else None
    own = data_folder(home, environment, platform, local=True) / "nomic.ai" / "GPT4All"
    return [*([chosen] if chosen else []), own, home / ".cache" / "gpt4all"]


def found(home: Path, environment: Environment, platform: str) -> list[FoundModel]:
    """The GGUF files in these folders."""
    return [
        FoundModel(
            OWNER, model.path.stem, str(model.path), "gguf", tuple(map(str, model.files)), roots=(str(place),)
        )
        for place in folders(home, environment, platform)
        for model in models_under(place, depth=1)
        if model.format == "gguf"
    ]
