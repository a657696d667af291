"""The client's calls about requests: the list of them, piece by piece, and cancelling."""

from urllib.parse import urlencode

import msgspec

from spark_engine.client.calls import Calls, control
from spark_engine.client.failures import translated
from spark_engine.types.requests import RequestPage


class RequestCalls(Calls):
    """What is under way and what is over."""

    async def requests(self, *, before: str = "", limit: int = 100, text: str = "") -> RequestPage:
        """What is under way and the latest that are over; or those that were over before the one with the id `before`.
        `text`: only those in whose row it is found."""
        query = urlencode({"before": before, "limit": limit, "text": text})
        body = await self._connection.request("GET", f"{control('requests')}?{query}")
        with translated():
            return msgspec.json.decode(body, type=RequestPage)

    async def cancel_request(self, id: str) -> None:
        """Cancel a request that waits or runs."""
        await self._post("requests", id, "cancel")
