"""Routes that read their body as strict JSON: UTF-8, finite numbers, bounded depth."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response


class StrictJsonRequest(Request):
    """A request whose `json()` knows no NaN, no Infinity and no numbers beyond what a double holds."""

    async def json(self) -> Any:
        """The body; JSONDecodeError with a reason that does not repeat the input."""
        try:
            return msgspec.json.decode(await self.body())
        except RecursionError:
            raise json.JSONDecodeError("it is nested too deeply", "", 0) from None
        except msgspec.MsgspecError as error:
            raise json.JSONDecodeError(str(error).partition(" - at ")[0], "", 0) from None


class StrictJsonRoute(APIRoute):
    """A route that reads strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, given a strict request."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(StrictJsonRequest(request.scope, request.receive))

        return strict
