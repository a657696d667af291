"""Picks out of a repository what is wanted: one of its variants by name, or the files of a card's variant."""

from pathlib import PurePosixPath

from spark_engine.catalog.cards_schema import CardVariant
from spark_engine.catalog.hub.failures import unsafe_listing
from spark_engine.catalog.hub.listing import Listing, RemoteFile, unfit_names
from spark_engine.catalog.hub.variants import RemoteVariant, gguf_groups, variants_of
from spark_engine.errors import NotFound, Unavailable


def choose(listing: Listing, wanted: str | None) -> RemoteVariant:
    """The variant of this slug or quantization (None: the best for a CPU); NotFound with what there is."""
    offered = variants_of(listing)
    if not offered:
        raise NotFound(
            "no_model_in_repository",
            "There is no model that Spark runs",
            f"{listing.repository} has no ONNX folder with genai_config.json, GGUF, SafeTensors or PyTorch weights.",
            "Choose another repository.",
        )
    if wanted is None:
        return offered[0]
    exact = [v for v in offered if v.slug == wanted.lower()]
    matching = exact or [v for v in offered if wanted.lower() in (v.quantization.lower(), v.format)]
    if not matching:
        names = ", ".join(v.slug for v in offered[:12])
        raise NotFound(
            "variant_not_found",
            "There is no such variant",
            f"{listing.repository} has no {wanted!r}.",
            f"It has: {names}.",
        )
    return matching[0]


def files_of(listing: Listing, variant: CardVariant) -> dict[str, RemoteFile]:
    """The files of a card's variant by the path they get below the variant's own folder.

    NotFound when the repository does not hold it (any more); Unavailable when names or hashes are not in order.
    """
    wanted = _with_parts([f for f in listing.files if variant.wants(f.path)], listing)
    if not wanted or (
        variant.file and not any(_inner(f.path, variant.folder) == variant.file for f in wanted)
    ):
        raise NotFound(
            "model_not_in_repository",
            "The model is not in its repository",
            f"{listing.repository} has no files of {variant.id} at {listing.revision[:12]}.",
            "Choose another variant; `spark models pull` with the repository's name shows what there is.",
        )
    placed = {_inner(f.path, variant.folder): f for f in wanted}
    why = unfit_names(list(placed))
    if why:
        raise unsafe_listing(listing.repository, why)
    _check_hashes(listing, variant, placed)
    return placed


def _with_parts(files: list[RemoteFile], listing: Listing) -> list[RemoteFile]:
    """With the further parts of a split GGUF, of which a card may name only the first."""
    paths = {f.path for f in files if f.path.lower().endswith(".gguf")}
    if not paths:
        return files
    groups = gguf_groups([f for f in listing.files if f.path.lower().endswith(".gguf")])
    parts = [f for group in groups if any(f.path in paths for f in group) for f in group]
    return list(dict.fromkeys([*files, *parts]))


def _inner(path: str, folder: str) -> str:
    return str(PurePosixPath(path).relative_to(folder)) if folder else path


def _check_hashes(listing: Listing, variant: CardVariant, placed: dict[str, RemoteFile]) -> None:
    for path, digest in variant.sha256.items():
        file = placed.get(path)
        if file is not None and file.sha256 and file.sha256 != digest:
            raise Unavailable(
                "file_not_as_described",
                "The repository holds another file",
                f"{path} in {listing.repository} is not the one that the model's card describes.",
                "Look for a newer version of Spark, or download the repository by its name if you trust it.",
            )
