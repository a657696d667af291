"""How the client asks: one control call and its typed answer."""

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from spark_engine.client.connection import Connection
from spark_engine.client.failures import translated

_T = TypeVar("_T")


class Calls:
    """What the parts of the client stand on."""

    _connection: Connection

    async def _get(self, steps: Sequence[str], kind: type[_T], patience_s: float | None = None) -> _T:
        return await self._ask("GET", steps, kind, patience_s=patience_s)

    async def _ask(
        self,
        method: str,
        steps: Sequence[str],
        kind: type[_T],
        json: Any = None,
        patience_s: float | None = None,
    ) -> _T:
        """A call and what it answers."""
        body = await self._connection.request(method, control(*steps), json=json, patience_s=patience_s)
        with translated():
            return msgspec.json.decode(body, type=kind)

    async def _post(self, *steps: str, json: Any = None, patience_s: float | None = None) -> str:
        """A command; the id that the engine accepted it for."""
        body = await self._connection.request("POST", control(*steps), json=json, patience_s=patience_s)
        with translated():
            return msgspec.json.decode(body, type=_Accepted).id if body else ""


class _Accepted(Struct):
    id: str = ""


def control(*steps: str) -> str:
    """The path of a control call."""
    return "/spark/v1/" + "/".join(quote(step, safe="") for step in steps)
