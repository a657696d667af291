"""The part of the library that is Spark's: models with a card, and folders `<models>/<model>/<variant>` without one."""

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from spark_engine.catalog.cards import Card, CardVariant
from spark_engine.catalog.convert.origin import read_origin as read_conversion
from spark_engine.catalog.families import family_of
from spark_engine.catalog.kinds import GENAI_CONFIG, encoder_file, model_kind
from spark_engine.catalog.origin import read_origin
from spark_engine.catalog.stores.tree import Candidate, models_under
from spark_engine.catalog.verdicts import Verdicts, judged, verdict_on
from spark_engine.paths import BaseDir, resources
from spark_engine.types.ids import parse_model_ref, variant_id
from spark_engine.types.inspection import Inspection
from spark_engine.types.models import ModelEntry, ModelKind, NotInstalled, Unloaded, VariantEntry

UNKNOWN_CONTEXT = 4096
_DEPTH = 2


def card_entry(card: Card, base: BaseDir, verdicts: Verdicts) -> ModelEntry:
    """The model of a card."""
    variants = tuple(_card_variant(card, v, base, verdicts) for v in card.variants)
    return ModelEntry(
        card.id, card.name, card.family, card.licence, card.summary, card.parameters, card.context,
        variants, card.sampling, card.pooling, card.abilities, card.languages, _knowledge(card),
    )  # fmt: skip


def card_paths(card: Card, base: BaseDir) -> list[str]:
    """What of a card lies in Spark's own places and can be inspected."""
    files = (v for v in card.variants if v.format != "echo")
    return [path for v in files if (path := _installed_path(card, v, base)) is not None]


def folder_models(base: BaseDir) -> Iterator[tuple[str, Path, Candidate]]:
    """Every folder `<models>/<model>/<variant>` in Spark's own place: its variant id, the folder, and its first model.

    Folders whose names are no id are left out, and so are links.
    """
    for folder in sorted(base.models.glob("*/*")):
        id = variant_id(folder.parent.name, folder.name)
        if _is_id(id) and folder.is_dir() and not folder.is_symlink() and not folder.parent.is_symlink():
            model = next(models_under(folder, depth=_DEPTH), None)
            if model is not None:
                yield id, folder, model


def with_folders(models: dict[str, ModelEntry], base: BaseDir, verdicts: Verdicts) -> None:
    """Add to `models` the folders that no card mentions."""
    known = {v.id for m in models.values() for v in m.variants}
    for id, folder, model in folder_models(base):
        verdict = verdict_on(str(model.path), model.format, verdicts)
        if id in known or (verdict is None and not shown_unseen(model)):
            continue
        variant = VariantEntry(
            id=id,
            format=model.format,
            quantization="",
            size_bytes=total_size(model.files),
            status=Unloaded(),
            path=str(model.path),
            kind=_kind(model),
            repository=read_origin(folder).repository,
        )
        name = parse_model_ref(id).model
        entry = models.get(name) or described(
            name, name, verdict if isinstance(verdict, Inspection) else None, "A model from your own folder"
        )
        models[name] = replace(entry, variants=(*entry.variants, _with_past(judged(variant, verdict), base)))


def described(id: str, name: str, facts: Inspection | None, what: str) -> ModelEntry:
    """A model without a card, by what its files say of it. `what` is the beginning of a sentence."""
    family = family_of(facts.architecture, name) if facts is not None else None
    return ModelEntry(
        id=id,
        name=name,
        family=family.name if family is not None and family.words else "",
        licence="",
        summary=f"{what}; no card describes it.",
        parameters=facts.parameters if facts is not None else 0,
        context=(facts.context if facts is not None else 0) or UNKNOWN_CONTEXT,
    )


def shown_unseen(model: Candidate) -> bool:
    """Whether a model without a card is listed before it was inspected: ONNX, and models that embed or score."""
    return model.format == "onnx" or _kind(model) != "generator"


def total_size(files: tuple[Path, ...]) -> int:
    """The bytes of these files; what has just gone counts nothing."""
    total = 0
    for file in files:
        try:
            total += file.stat().st_size
        except (OSError, ValueError):
            continue
    return total


def _knowledge(card: Card) -> float:
    """Its published MMLU score in percent; 0 when there is none."""
    return next((s.value for s in card.quality if s.name == "MMLU" or s.name.startswith("MMLU ")), 0.0)


def _card_variant(card: Card, variant: CardVariant, base: BaseDir, verdicts: Verdicts) -> VariantEntry:
    path = _installed_path(card, variant, base)
    entry = VariantEntry(
        id=variant_id(card.id, variant.id),
        format=variant.format,
        quantization=variant.quantization,
        size_bytes=(_size(Path(path)) if path else 0) or variant.size_bytes,
        status=NotInstalled() if path is None else Unloaded(),
        path=path,
        kind=model_kind(variant.format, Path(path)) if path else card.kind,
        repository=variant.repository,
    )
    if path is None or variant.format == "echo":
        return entry
    verdict = verdict_on(path, variant.format, verdicts)
    # What a card says of a variant is better known than what can be read.
    known = replace(judged(entry, verdict), format=variant.format, quantization=variant.quantization)
    return _with_past(known, base)


def _with_past(variant: VariantEntry, base: BaseDir) -> VariantEntry:
    """With what the note beside it says, where Spark made it of another variant."""
    made = read_conversion(base.models.joinpath(*variant.id.split(":")))
    return variant if made is None else replace(variant, made_from=made.source, agreement=made.agreement)


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
    return total_size((path,) if path.is_file() else tuple(f for f in path.rglob("*") if f.is_file()))


def _kind(model: Candidate) -> ModelKind:
    return model_kind(model.format, model.path)


def _reads_in_onnx(folder: Path) -> bool:
    """Whether an ONNX model that embeds or scores lies here."""
    return encoder_file(folder) is not None and model_kind("onnx", folder) != "generator"


def _is_id(text: str) -> bool:
    try:
        parse_model_ref(text)
    except ValueError:
        return False
    return True
