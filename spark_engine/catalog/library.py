"""Reads the library: every model with a card or a folder here, and which variants are on this machine."""

from pathlib import Path

from msgspec.structs import replace

from spark_engine.catalog.cards import Card, CardVariant, read_cards
from spark_engine.catalog.kinds import GENAI_CONFIG, encoder_file, model_kind
from spark_engine.paths import BaseDir, resources
from spark_engine.types.ids import parse_model_ref, variant_id
from spark_engine.types.models import ModelEntry, ModelFormat, NotInstalled, Unloaded, VariantEntry


def read_library(base: BaseDir) -> dict[str, ModelEntry]:
    """All models by id, each variant `NotInstalled` or `Unloaded`."""
    cards = read_cards((resources() / "model_cards", base.root / "model_cards"))
    models = {card.id: _entry(card, base) for card in cards.values()}
    for variant in _without_card(base, models):
        models[variant.id.partition(":")[0]] = _with_variant(models, variant)
    return models


def _entry(card: Card, base: BaseDir) -> ModelEntry:
    variants = tuple(_variant(card, v, base) for v in card.variants)
    return ModelEntry(
        card.id, card.name, card.family, card.licence, card.summary, card.parameters, card.context,
        variants, card.sampling, card.pooling,
    )  # fmt: skip


def _variant(card: Card, variant: CardVariant, base: BaseDir) -> VariantEntry:
    path = _installed_path(card, variant, base)
    return VariantEntry(
        id=variant_id(card.id, variant.id),
        format=variant.format,
        quantization=variant.quantization,
        size_bytes=(_size(Path(path)) if path else 0) or variant.size_bytes,
        status=NotInstalled() if path is None else Unloaded(),
        path=path,
        kind=model_kind(variant.format, Path(path)) if path else card.kind,
    )


def _installed_path(card: Card, variant: CardVariant, base: BaseDir) -> str | None:
    """Where the model's folder or file lies, or None. An echo model needs no files."""
    if variant.format == "echo":
        return variant.path or "echo"
    folders = [base.models / card.id / variant.id]
    if variant.bundled:
        folders.append(resources() / variant.bundled)
    if variant.path:
        folders.append(Path(variant.path).expanduser())
    return next((str(p) for folder in folders if (p := _model_at(folder, variant)) is not None), None)


def _model_at(folder: Path, variant: CardVariant) -> Path | None:
    """The file or folder a decoder opens, when it is whole enough to try."""
    match variant.format:
        case "onnx":
            return folder if (folder / GENAI_CONFIG).is_file() or _reads_in_onnx(folder) else None
        case "gguf":
            named = [folder / variant.file] if variant.file else sorted(folder.glob("*.gguf"))
            return next((f for f in named if f.is_file()), None)
        case "safetensors":
            return folder if any(folder.glob("*.safetensors")) else None
        case _:
            return folder if any(folder.glob("*.bin")) or any(folder.glob("*.pt")) else None


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())


def _without_card(base: BaseDir, known: dict[str, ModelEntry]) -> list[VariantEntry]:
    """Folders `<models>/<model>/<variant>` that no card mentions, with ids as they are named: ONNX models, and
    SafeTensors models that embed or score."""
    ids = {v.id for m in known.values() for v in m.variants}
    found = []
    for folder in sorted(path for path in base.models.glob("*/*") if path.is_dir()):
        id = variant_id(folder.parent.name, folder.name)
        model_format = _format_of(folder)
        if model_format and id not in ids and _is_id(id):
            kind = model_kind(model_format, folder)
            size = _size(folder)
            found.append(VariantEntry(id, model_format, "", size, Unloaded(), str(folder), kind=kind))
    return found


def _format_of(folder: Path) -> ModelFormat | None:
    """The format of a model that needs no card; None when it needs one, or there is no model."""
    if (folder / GENAI_CONFIG).is_file():
        return "onnx"
    if model_kind("safetensors", folder) == "generator":
        return None
    if _reads_in_onnx(folder):
        return "onnx"
    return "safetensors" if any(folder.glob("*.safetensors")) else None


def _reads_in_onnx(folder: Path) -> bool:
    """Whether an ONNX model that embeds or scores lies here."""
    return encoder_file(folder) is not None and model_kind("onnx", folder) != "generator"


def _is_id(text: str) -> bool:
    try:
        parse_model_ref(text)
    except ValueError:
        return False
    return True


def _with_variant(models: dict[str, ModelEntry], variant: VariantEntry) -> ModelEntry:
    name = variant.id.partition(":")[0]
    summary = "A model from your own folder; no card describes it."
    entry = models.get(name) or ModelEntry(name, name, "", "", summary, 0, 4096)
    return replace(entry, variants=(*entry.variants, variant))
