"""The client's calls about the model hub, and the searches that go with a library."""

from collections.abc import AsyncGenerator

import msgspec

from spark_engine.client.calls import Calls, control
from spark_engine.client.connection import SILENCE_S
from spark_engine.client.failures import translated
from spark_engine.types.conversions import ConversionTarget
from spark_engine.types.duplicates import DuplicateSearch
from spark_engine.types.hub import RepositoryOffer, TokenReport

HUB_PATIENCE_S = 60.0
UNLOCK_PATIENCE_S = 300.0
"""A keyring may ask its owner to unlock it first."""
_searches: msgspec.json.Decoder[DuplicateSearch] = msgspec.json.Decoder(DuplicateSearch)


class HubCalls(Calls):
    """What is there before it is fetched or made."""

    async def offers(self, ref: str) -> RepositoryOffer:
        """What could be downloaded under `org/name[:variant]` or a card's name; nothing is fetched."""
        return await self._ask(
            "POST", ("hub", "offers"), RepositoryOffer, {"ref": ref}, patience_s=HUB_PATIENCE_S
        )

    async def hub_token(self) -> TokenReport:
        """Whether a token for the hub is kept, and where; never the token itself."""
        return await self._get(("hub", "token"), TokenReport, patience_s=UNLOCK_PATIENCE_S)

    async def set_hub_token(self, token: str) -> TokenReport:
        """Keep a token for the hub in place of the one before."""
        return await self._ask(
            "PUT", ("hub", "token"), TokenReport, {"token": token}, patience_s=UNLOCK_PATIENCE_S
        )

    async def forget_hub_token(self) -> TokenReport:
        """Keep no token for the hub any more."""
        return await self._ask("DELETE", ("hub", "token"), TokenReport, patience_s=UNLOCK_PATIENCE_S)

    async def targets(self, id: str) -> tuple[ConversionTarget, ...]:
        """What a variant can be converted into, what is missing for each and what is in the way."""
        return await self._get(("models", id, "targets"), tuple[ConversionTarget, ...])

    async def search_duplicates(self) -> AsyncGenerator[DuplicateSearch, None]:
        """Comparing as it goes on, then Compared; closing the iterator ends the search."""
        path = control("duplicates", "events")
        async with self._connection.stream("GET", path, silence_s=SILENCE_S) as payloads:
            async for payload in payloads:
                with translated():
                    found = _searches.decode(payload)
                yield found
