"""What a repository offers, as one message: the variants with their honest sizes, and the one Spark would take."""

from pathlib import Path

from msgspec import Struct

from spark_engine.catalog.hub.address import endpoint
from spark_engine.catalog.hub.choose import choose
from spark_engine.catalog.hub.client import Hub
from spark_engine.catalog.hub.failures import Failed, offline
from spark_engine.catalog.hub.listing import fetch_listing
from spark_engine.catalog.hub.patience import Patience
from spark_engine.catalog.hub.ref import parse_repository_ref
from spark_engine.catalog.hub.token import TokenStore
from spark_engine.catalog.hub.variants import RemoteVariant, variants_of


class Offered(Struct, frozen=True, tag="offered"):
    """`variants` stand best for a CPU first; `chosen` is the slug of the one asked for, or of the best. `gated`: the
    repository asks for an account that accepted its terms."""

    repository: str
    revision: str
    gated: bool
    chosen: str
    variants: tuple[RemoteVariant, ...]


Answer = Offered | Failed


def open_hub(
    setting: str, state: Path | None, *, stay_offline: bool, patience: Patience | None = None
) -> Hub:
    """The hub of the settings, with the user's token at hand; SparkError when nothing may be fetched."""
    if stay_offline:
        raise offline()
    home = endpoint(setting)
    if state is None:
        return Hub(home, patience)
    store = TokenStore(state)
    return Hub(home, patience, lambda: store.read(home.host))


def offer(hub: Hub, text: str, revision: str = "main") -> Offered:
    """What `org/name[:variant]` offers; SparkError when it cannot be told."""
    ref = parse_repository_ref(text)
    listing = fetch_listing(hub, ref.repository, revision)
    chosen = choose(listing, ref.variant)
    return Offered(listing.repository, listing.revision, listing.gated, chosen.slug, variants_of(listing))
