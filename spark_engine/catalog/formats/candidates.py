"""Which models seem to lie at a path; each comes with the parser that says what is true of it."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.formats import gguf, pytorch, safetensors
from spark_engine.catalog.formats.content import Content, content_of
from spark_engine.catalog.formats.folder import ModelFolder
from spark_engine.catalog.formats.gguf_types import PROJECTORS
from spark_engine.catalog.formats.onnx import inspect_encoder, inspect_genai, inspect_plain
from spark_engine.catalog.formats.refusal import Refused, refuse
from spark_engine.catalog.formats.strange import HEAD, why_none
from spark_engine.catalog.kinds import ENCODER_FILES, GENAI_CONFIG
from spark_engine.types.inspection import Inspection
from spark_engine.types.models import ModelFormat

MOST_MODELS = 256
MOST_FOLDERS = 256
MOST_DEPTH = 4
_CONFIG, _ADAPTER = "config.json", "adapter_config.json"
_WEIGHTS = (".gguf", ".safetensors", ".onnx", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".ort")
_NO_WEIGHTS = (".json", ".jinja", ".txt", ".md", ".py", ".model", ".data", ".onnx_data")


class Candidate(Struct, frozen=True):
    """What may be a model at `path`. `format` is None where it is none that Spark reads."""

    path: Path
    format: ModelFormat | None
    read: Callable[[], Inspection]


def candidates(path: Path, roots: Sequence[Path]) -> list[Candidate]:
    """All that may be models in the file or folder `path`. Refused when there is nothing; OSError."""
    if not os.path.lexists(path):
        refuse("missing_file", "there is nothing at this path", path.name)
    found = list(_in_folders(path, roots)) if path.is_dir() else [_in_file(path, roots)]
    if not found:
        refuse("no_model", "there is no model in this folder")
    return found[:MOST_MODELS]


def _in_folders(path: Path, roots: Sequence[Path]) -> Iterator[Candidate]:
    """Those of the folder itself, or else of the ones in it, and so on."""
    level, seen = [path], 0
    for _ in range(MOST_DEPTH):
        found = [candidate for folder in level for candidate in _in_folder(folder, roots)]
        if found:
            yield from found
            return
        level = [inner for folder in level for inner in _folders(folder)][: MOST_FOLDERS - seen]
        seen += len(level)


def _folders(path: Path) -> list[Path]:
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    return [path / name for name in names[:MOST_FOLDERS] if not name.startswith(".")]


def _in_folder(path: Path, roots: Sequence[Path]) -> list[Candidate]:
    names = ModelFolder(path, roots).names()
    contents = {name: _content(path, name, roots) for name in names if not name.endswith(_NO_WEIGHTS)}
    found = [
        *_onnx(path, names, contents, roots),
        *_safetensors(path, names, contents, roots),
        *_ggufs(path, contents, roots),
        *_pytorch(path, names, roots),
    ]
    if found:
        return found
    strange = (name for name in contents if name.lower().endswith(_WEIGHTS))
    return [
        Candidate(path / name, None, partial(_strange, ModelFolder(path, roots), name)) for name in strange
    ]


def _in_file(path: Path, roots: Sequence[Path]) -> Candidate:
    folder = path.parent
    content = _content_of(folder, path.name, roots)
    match content:
        case "gguf":
            return _gguf(folder, path.name, roots)
        case "safetensors":
            return Candidate(
                folder, "safetensors", partial(_part, path, roots, safetensors.inspect_safetensors)
            )
        case "archive" | "pickle":
            return Candidate(folder, "pytorch", partial(_part, path, roots, pytorch.inspect_pytorch))
        case "onnx":
            return _onnx_file(path, roots)
        case _:
            return Candidate(path, None, partial(_strange, ModelFolder(folder, roots), path.name))


def _part(path: Path, roots: Sequence[Path], read: Callable[[ModelFolder], Inspection]) -> Inspection:
    """The model of the folder, which must be the one that the file belongs to."""
    found = read(ModelFolder(path.parent, roots))
    if path.name not in found.files:
        refuse("only_a_part", "it is no part of the model that lies beside it", path.name)
    return found


def _onnx(
    path: Path, names: Sequence[str], contents: dict[str, Content], roots: Sequence[Path]
) -> Iterable[Candidate]:
    if GENAI_CONFIG in names:
        return [Candidate(path, "onnx", partial(inspect_genai, ModelFolder(path, roots)))]
    if _CONFIG in names and any(os.path.lexists(path / name) for name in ENCODER_FILES):
        return [Candidate(path, "onnx", partial(inspect_encoder, ModelFolder(path, roots)))]
    files = [name for name, content in contents.items() if content == "onnx"]
    return [
        Candidate(path / name, "onnx", partial(inspect_plain, ModelFolder(path, roots), name))
        for name in files
    ]


def _onnx_file(path: Path, roots: Sequence[Path]) -> Candidate:
    """The folder's model when the file is its file, else the file alone."""
    if os.path.lexists(path.parent / GENAI_CONFIG):
        return Candidate(path.parent, "onnx", partial(_part, path, roots, inspect_genai))
    for folder in (path.parent, path.parent.parent):
        inner = path.relative_to(folder).as_posix()
        if inner in ENCODER_FILES and os.path.lexists(folder / _CONFIG):
            return Candidate(folder, "onnx", partial(inspect_encoder, ModelFolder(folder, roots)))
    return Candidate(path, "onnx", partial(inspect_plain, ModelFolder(path.parent, roots), path.name))


def _safetensors(
    path: Path, names: Sequence[str], contents: dict[str, Content], roots: Sequence[Path]
) -> Iterable[Candidate]:
    named = safetensors.WEIGHTS in names or safetensors.INDEX in names
    if not named and "safetensors" not in contents.values():
        return []
    read = safetensors.inspect_safetensors if named or _ADAPTER not in names else _adapter
    return [Candidate(path, "safetensors", partial(read, ModelFolder(path, roots)))]


def _adapter(folder: ModelFolder) -> Inspection:
    refuse("only_a_part", "it changes another model (an adapter), and is none itself", _ADAPTER)


def _pytorch(path: Path, names: Sequence[str], roots: Sequence[Path]) -> Iterable[Candidate]:
    named = pytorch.WEIGHTS in names or pytorch.INDEX in names
    lone = [name for name in names if name.endswith(".pt")]
    if not named and (len(lone) != 1 or _CONFIG not in names):
        return []
    return [Candidate(path, "pytorch", partial(pytorch.inspect_pytorch, ModelFolder(path, roots)))]


def _ggufs(path: Path, contents: dict[str, Content], roots: Sequence[Path]) -> Iterable[Candidate]:
    names = [name for name, content in contents.items() if content == "gguf"]
    projectors = _projectors(path, names, roots)
    later = {name for name in names if (first := gguf.first_part(name)) != name and first in names}
    return [_gguf(path, name, roots) for name in names if name not in later and name not in projectors]


def _gguf(folder: Path, name: str, roots: Sequence[Path]) -> Candidate:
    return Candidate(folder / name, "gguf", partial(_read_gguf, folder, name, roots))


def _read_gguf(folder: Path, name: str, roots: Sequence[Path]) -> Inspection:
    projectors = () if _may_project(name) else _projectors(folder, ModelFolder(folder, roots).names(), roots)
    return gguf.inspect_gguf(ModelFolder(folder, roots), name, projectors)


def _projectors(folder: Path, names: Iterable[str], roots: Sequence[Path]) -> tuple[str, ...]:
    """The files beside a model that turn pictures into its input; broken ones are none."""
    return tuple(name for name in names if _may_project(name) and _is_projector(folder, name, roots))


def _may_project(name: str) -> bool:
    return "mmproj" in name.lower() and name.lower().endswith(".gguf")


def _is_projector(folder: Path, name: str, roots: Sequence[Path]) -> bool:
    try:
        return gguf.read_gguf(ModelFolder(folder, roots), name).architecture in PROJECTORS
    except (Refused, OSError):
        return False


def _content(folder: Path, name: str, roots: Sequence[Path]) -> Content:
    """What the file is; empty when it may not be looked at."""
    try:
        return _content_of(folder, name, roots)
    except (Refused, OSError):
        return ""


def _content_of(folder: Path, name: str, roots: Sequence[Path]) -> Content:
    with ModelFolder(folder, roots).open(name) as source:
        return content_of(source.peek(HEAD), source.size)


def _strange(folder: ModelFolder, name: str) -> Inspection:
    """Never a model: the reason why not."""
    with folder.open(name) as source:
        code, reason = why_none(source.peek(HEAD))
        refuse(code, reason)
