"""Models whose files are links or no files at all: why each is refused, and how it is written."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.support.hostile_onnx import external
from tests.support.hostile_safetensors import weights
from tests.support.model_files import safetensors

Write = Callable[[Path], object]


def link(target: str, write: Write, name: str) -> Write:
    """One of the files that `write` makes is moved out of the folder, and a link put in its place."""

    def made(folder: Path) -> None:
        write(folder)
        outside = folder.parent / "outside"
        outside.mkdir()
        (folder / name).rename(outside / name)
        (folder / name).symlink_to(target)

    return made


def hard_link(folder: Path) -> None:
    external("data")(folder)
    os.link(folder / "data", folder.parent / "second")


def pipe(folder: Path) -> None:
    weights(safetensors())(folder)
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


LINKS: dict[str, tuple[str, Write]] = {
    "weights outside": (
        "link_outside",
        link("../outside/model.safetensors", weights(safetensors()), "model.safetensors"),
    ),
    "a configuration outside": ("link_outside", link("/etc/passwd", weights(safetensors()), "config.json")),
    "values outside by a link": ("link_outside", link("../outside/data", external("data"), "data")),
    "values that are also another file": ("hard_link", hard_link),
    "a link to nothing": ("missing_file", link("nothing", weights(safetensors()), "config.json")),
    "a link to itself": ("missing_file", link("config.json", weights(safetensors()), "config.json")),
    "a pipe": ("not_a_file", pipe),
}  # fmt: skip
