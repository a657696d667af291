"""Which models a repository holds, and the files of each, told by the names of its files alone."""

import glob
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.hub.listing import Listing, RemoteFile
from spark_engine.catalog.kinds import GENAI_CONFIG
from spark_engine.catalog.names import slug
from spark_engine.types.models import ModelFormat

_SPLIT = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)
_GGUF_TYPE = re.compile(
    r"(?:^|[-._])((?:UD-)?(?:I?Q\d+(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4|NVFP4|BF16|F16|F32))(?=[-._]|$)",
    re.IGNORECASE,
)
_ONNX_TYPE = re.compile(r"(?:^|[-._/])(u?int[48]|fp16|fp32|bf16|q4f16|q4|q8)(?=[-._/]|$)", re.IGNORECASE)
_DEVICES = ("cpu", "cuda", "gpu", "directml", "dml", "webgpu", "npu", "qnn", "openvino", "vitisai", "mobile")
_BESIDE = re.compile(r"(?:mmproj|imatrix)", re.IGNORECASE)
_TEXTS = ("*.json", "*.jinja", "*.txt", "*.model")
_MODULES = ("[0-9]_*/config.json", "[0-9]_*/model.safetensors")
_NO_WEIGHTS = re.compile(r"(?:training_args|optimizer|scheduler|rng_state).*", re.IGNORECASE)
_UNWANTED = re.compile(r".*\.(?:py|md|png|jpe?g|gif|svg|pdf)|\..*|license.*", re.IGNORECASE)


class RemoteVariant(Struct, frozen=True):
    """A model a repository offers. `files` are paths in the repository, all within `folder`; `size_bytes` is all of
    them together. `device`: what its numbers are laid out for, if its name says so."""

    slug: str
    format: ModelFormat
    quantization: str
    folder: str
    files: tuple[str, ...]
    size_bytes: int
    device: str = ""

    def card(self, repository: str, revision: str) -> CardVariant:
        """The same as a card has it, to be downloaded."""
        inner = tuple(
            glob.escape(f.removeprefix(f"{self.folder}/") if self.folder else f) for f in self.files
        )
        main = PurePosixPath(self.files[0]).name if self.format == "gguf" else ""
        return CardVariant(
            id=self.slug, format=self.format, quantization=self.quantization, size_bytes=self.size_bytes,
            repository=repository, revision=revision, folder=self.folder, file=main, files=inner,
        )  # fmt: skip


def variants_of(listing: Listing) -> tuple[RemoteVariant, ...]:
    """Everything the repository offers that Spark could run, each under a slug of its own; best for a CPU first."""
    files = [f for f in listing.files if f.size >= 0]
    found = [*_onnx(files, listing.repository), *_gguf(files), *_safetensors(files), *_pytorch(files)]
    return tuple(sorted(_named(found), key=_rank))


def _onnx(files: list[RemoteFile], repository: str) -> Iterable[RemoteVariant]:
    folders = sorted({_folder(f.path) for f in files if PurePosixPath(f.path).name == GENAI_CONFIG})
    for folder in folders:
        inner = [f for f in files if _folder(f.path) == folder and not _is_unwanted(f)]
        words = folder or repository.partition("/")[2]
        match = _ONNX_TYPE.search(words)
        device = next((d for d in _DEVICES if re.search(rf"(?:^|[-._/]){d}(?=[-._/]|$)", words, re.I)), "")
        kind = match[1].lower() if match else ""
        yield _variant("-".join(w for w in ("onnx", kind, device) if w), "onnx", kind, folder, inner, device)


def _gguf(files: list[RemoteFile]) -> Iterable[RemoteVariant]:
    wanted = [
        f
        for f in files
        if f.path.lower().endswith(".gguf") and not _BESIDE.search(PurePosixPath(f.path).name)
    ]
    for group in gguf_groups(wanted):
        match = _SPLIT.fullmatch(group[0].path)
        stem = PurePosixPath(match[1] if match else group[0].path[: -len(".gguf")]).name
        types = _GGUF_TYPE.findall(stem)
        kind = types[-1].upper() if types else ""
        yield _variant(f"gguf-{(kind or slug(stem)).lower()}", "gguf", kind, _folder(group[0].path), group)


def gguf_groups(files: list[RemoteFile]) -> list[list[RemoteFile]]:
    """The GGUF files of each model, in order; a split model with a part missing is left out."""
    groups: dict[tuple[str, str], list[RemoteFile]] = {}
    for file in sorted(files, key=lambda f: f.path):
        match = _SPLIT.fullmatch(file.path)
        groups.setdefault((match[1], match[3]) if match else (file.path, ""), []).append(file)
    return [group for (_, parts), group in groups.items() if not parts or _is_whole(group, int(parts))]


def _is_whole(group: list[RemoteFile], parts: int) -> bool:
    numbers = [int(match[2]) for f in group if (match := _SPLIT.fullmatch(f.path))]
    return numbers == list(range(1, parts + 1))


def _safetensors(files: list[RemoteFile]) -> Iterable[RemoteVariant]:
    root = [f for f in files if "/" not in f.path]
    weights = [f for f in root if f.path.endswith(".safetensors")]
    named = [f for f in weights if f.path.startswith("model")] or weights
    if named and any(f.path == "config.json" for f in root):
        modules = [f for f in files if any(PurePosixPath(f.path).match(p) for p in _MODULES)]
        yield _variant("safetensors", "safetensors", "", "", [*named, *_texts(root), *modules])


def _pytorch(files: list[RemoteFile]) -> Iterable[RemoteVariant]:
    root = [f for f in files if "/" not in f.path]
    weights = [f for f in root if f.path.endswith(".bin") and not _NO_WEIGHTS.fullmatch(f.path)]
    named = [f for f in weights if f.path.startswith("pytorch_model")] or weights
    if named and any(f.path == "config.json" for f in root):
        yield _variant("pytorch", "pytorch", "", "", [*named, *_texts(root)])


def _texts(files: list[RemoteFile]) -> list[RemoteFile]:
    return [f for f in files if any(PurePosixPath(f.path).match(p) for p in _TEXTS) and not _is_unwanted(f)]


def _is_unwanted(file: RemoteFile) -> bool:
    """What no model needs, and code, which Spark does not run."""
    return _UNWANTED.fullmatch(PurePosixPath(file.path).name) is not None


def _variant(
    name: str, format: ModelFormat, quantization: str, folder: str, files: list[RemoteFile], device: str = ""
) -> RemoteVariant:
    paths = tuple(f.path for f in files)
    return RemoteVariant(slug(name), format, quantization, folder, paths, sum(f.size for f in files), device)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _named(found: list[RemoteVariant]) -> list[RemoteVariant]:
    """Those of the same slug by their folder's or file's name, or else numbered."""
    taken = Counter(v.slug for v in found)
    longer = [v if taken[v.slug] == 1 else replace(v, slug=slug(f"{v.format}-{_own_name(v)}")) for v in found]
    seen: Counter[str] = Counter()
    for place, variant in enumerate(longer):
        seen[variant.slug] += 1
        if seen[variant.slug] > 1:
            longer[place] = replace(variant, slug=f"{variant.slug}-{seen[variant.slug]}")
    return longer


def _own_name(variant: RemoteVariant) -> str:
    name = (
        PurePosixPath(variant.files[0]).stem
        if variant.format == "gguf"
        else PurePosixPath(variant.folder).name
    )
    return name or "root"


_FORMATS = ("onnx", "gguf", "safetensors", "pytorch")
_GGUF_ORDER = (
    "Q4_K_M", "Q4_K_S", "UD-Q4_K_XL", "IQ4_XS", "IQ4_NL", "Q4_0", "Q5_K_M", "Q5_K_S", "Q6_K", "Q8_0", "MXFP4",
    "Q3_K_L", "Q3_K_M", "BF16", "F16", "F32",
)  # fmt: skip
_ONNX_ORDER = ("int4", "uint4", "q4", "int8", "uint8", "q8", "fp32", "fp16", "bf16", "q4f16")


def _rank(variant: RemoteVariant) -> tuple[int, int, int, int, str]:
    """Small first is best on a CPU: ONNX made for it, then GGUF by what keeps most quality at four bits."""
    elsewhere = int(variant.device not in ("", "cpu", "mobile"))
    order = _GGUF_ORDER if variant.format == "gguf" else _ONNX_ORDER
    kind = order.index(variant.quantization) if variant.quantization in order else len(order)
    careful = 0 if "acc-level-4" in variant.folder or variant.format != "onnx" else 1
    return elsewhere, _FORMATS.index(variant.format), kind, careful, variant.slug
