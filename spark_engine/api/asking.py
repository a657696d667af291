"""Tells the engine who asks: every request to a model is told to the apps' desk when it begins and when it ends."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spark_engine.api.errors import error_response
from spark_engine.api.peers import CONNECTION, Connection
from spark_engine.api.sse import DONE
from spark_engine.engine.interface import AppCall, AppDesk
from spark_engine.errors import AppRefused
from spark_engine.types.ecosystem import MEMBERS

CLIENT = "spark.client"
"""Key of the scope: what requests to the engine carry as their client."""
CLIENT_LEFT = 499
MAX_AGENT = 80
MODEL_CALLS = ("/v1/", "/api/")


class Asking:
    """The layer between the guard and the routes. Looking at what there is counts as nothing."""

    def __init__(self, app: ASGIApp, desk: AppDesk) -> None:
        self._app, self._desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; refuse it where its app is blocked."""
        if scope["type"] != "http" or not scope["path"].startswith(MODEL_CALLS):
            await self._app(scope, receive, send)
            return
        connection = scope.get("state", {}).get(CONNECTION) or Connection()
        if connection.asking is None:
            connection.asking = self._desk.connect(connection.peer)
        try:
            if scope["method"] in ("GET", "HEAD"):
                await connection.asking.admit()
                await self._app(scope, receive, send)
            else:
                await self._counted(scope, receive, send, await connection.asking.begin(*_said(scope)))
        except AppRefused as refusal:
            await error_response(refusal)(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, call: AppCall) -> None:
        """A request that asks something of a model."""
        scope[CLIENT] = call.client
        answer = _Answer(send, call)
        try:
            await self._app(scope, receive, answer)
        finally:
            call.end(answer.status)


class _Answer:
    """Passes a reply on and notes how it goes. Its end waits until its reader is known, who may leave with it."""

    def __init__(self, send: Send, call: AppCall) -> None:
        self._send, self._call, self._status, self._whole = send, call, CLIENT_LEFT, False

    @property
    def status(self) -> int:
        """The status of a reply that went out to its end."""
        return self._status if self._whole else CLIENT_LEFT

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = int(message["status"])
        elif message["type"] == "http.response.body":
            self._whole = not message.get("more_body", False)
            if self._whole or message.get("body", b"").endswith(DONE):
                await self._call.known()
        await self._send(message)


def _said(scope: Scope) -> tuple[str, str]:
    """What a request says of its sender: its User-Agent, and which known program's name it gave as its key. Other keys
    are nobody's business here."""
    headers = {name: value.decode("latin-1") for name, value in reversed(scope["headers"])}
    agent = "".join(c for c in headers.get(b"user-agent", "") if c.isprintable())[:MAX_AGENT]
    key = headers.get(b"x-api-key", "") or headers.get(b"authorization", "").partition(" ")[2]
    name = key.strip().lower().replace("-", "_").replace(" ", "_")
    return agent, name if name in MEMBERS else ""
