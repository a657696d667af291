"""What can be had of a model hub before anything of it is fetched, and whether a token for it is kept."""

from typing import Literal

from msgspec import Struct

from spark_engine.types.fit import Fit
from spark_engine.types.models import ModelFormat

TokenPlace = Literal["keyring", "file"]
"""Where a token is kept: by the system's keyring, or in a file that only its owner can read."""


class OfferedVariant(Struct, frozen=True):
    """One model of an offer. `name` is what `download` takes for just this one, `id` what it is called once it is here.
    `size_bytes`: of all its files; `device`: what its numbers are laid out for, if its name says so. `component`: what
    it needs that is not installed (None: nothing). `fit` is None where its size says too little."""

    id: str
    name: str
    slug: str
    format: ModelFormat
    quantization: str
    size_bytes: int
    device: str = ""
    installed: bool = False
    component: str | None = None
    fit: Fit | None = None


class RepositoryOffer(Struct, frozen=True):
    """`variants` stand best for a CPU first; `chosen` is the slug of the one asked for, or of the best. `gated`: the
    repository asks for an account that accepted its terms. `revision` is empty where a card told it all. `page`: its
    address for people."""

    repository: str
    revision: str
    gated: bool
    chosen: str
    variants: tuple[OfferedVariant, ...]
    page: str = ""


class TokenReport(Struct, frozen=True):
    """Whether a token for the hub is kept, and where (None: none is). The token itself is never told. `hub` is the
    hub's address, as in `https://huggingface.co`."""

    hub: str
    kept: TokenPlace | None = None


def recommended(offer: RepositoryOffer) -> OfferedVariant | None:
    """The one to take: what was asked for or is best, or else the first that fits; None when none does."""
    found = [v for v in offer.variants if v.fit is None or v.fit.verdict != "too_large"]
    return next((v for v in found if v.slug == offer.chosen), found[0] if found else None)
