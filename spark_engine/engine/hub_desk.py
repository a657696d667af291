"""What the engine does with the hub besides fetching: asking what there is, and keeping its owner's token."""

import asyncio

from spark_engine.catalog.hub.address import Address, endpoint
from spark_engine.catalog.hub.ref import is_repository_ref
from spark_engine.catalog.hub.token import TokenStore
from spark_engine.catalog.library import library_cards
from spark_engine.config.load import Config
from spark_engine.engine.hub import offered
from spark_engine.engine.hub_offers import Surroundings, card_offer, hub_offer
from spark_engine.engine.wanted import of_card
from spark_engine.paths import BaseDir
from spark_engine.types.hub import RepositoryOffer, TokenReport
from spark_engine.types.ids import parse_model_ref


class HubDesk:
    """The token goes to the keyring and to the child processes that read it there, and nowhere else."""

    def __init__(self, config: Config, base: BaseDir) -> None:
        self._config, self._base = config, base
        self._tokens = TokenStore(base.state)
        self._one_at_a_time = asyncio.Lock()

    async def offers(self, ref: str, around: Surroundings) -> RepositoryOffer:
        """What `org/name[:variant]`, or a card's model, offers. See `ModelLibrary.offers`."""
        cards = await asyncio.to_thread(library_cards, self._base)
        if is_repository_ref(ref):
            found = await offered(self._config, self._base, ref)
            return hub_offer(found, cards.values(), around, self._address)
        id, chosen = of_card(cards, ref)
        return card_offer(cards[parse_model_ref(id).model], chosen, around, self._address)

    async def token(self) -> TokenReport:
        """Whether a token is kept, and where. A keyring may ask its user first."""
        async with self._one_at_a_time:
            return TokenReport(self._address, await asyncio.to_thread(self._tokens.where, self._home.host))

    async def set_token(self, token: str) -> TokenReport:
        """Keep a token in place of the one before; InvalidRequest when it is not one."""
        async with self._one_at_a_time:
            kept = await asyncio.to_thread(self._tokens.store, self._home.host, token)
        return TokenReport(self._address, kept)

    async def forget_token(self) -> TokenReport:
        """Keep none any more."""
        async with self._one_at_a_time:
            await asyncio.to_thread(self._tokens.delete, self._home.host)
        return TokenReport(self._address)

    @property
    def _home(self) -> Address:
        return endpoint(self._config.text("hub.endpoint"))

    @property
    def _address(self) -> str:
        return str(self._home).rstrip("/")
