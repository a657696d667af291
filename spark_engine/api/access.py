"""What routes depend on: the engine, the settings, and who may call."""

import secrets
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from msgspec import Struct

from spark_engine.api.asking import CLIENT
from spark_engine.api.guard import OWNER
from spark_engine.config.load import Config
from spark_engine.engine.interface import InferenceEngine
from spark_engine.errors import NotAllowed


class Services(Struct, frozen=True):
    """What the API stands on. `token` is the owner's."""

    engine: InferenceEngine
    config: Config
    token: str


def services(request: Request) -> Services:
    """The services of the application that answers."""
    return cast(Services, request.app.state.services)


async def engine(request: Request) -> InferenceEngine:
    """The engine."""
    return services(request).engine


async def settings(request: Request) -> Config:
    """The settings."""
    return services(request).config


async def require_owner(request: Request) -> None:
    """Let only the owner pass: by the Unix socket, or by the token of the endpoint file."""
    if not _is_owner(request):
        raise NotAllowed(
            "owner_required",
            "Only the owner may do this",
            "This call needs the owner's token or the owner's socket.",
            "Use `spark` on the command line, or send the endpoint file's token as `Authorization: Bearer`.",
        )


async def may_infer(request: Request) -> None:
    """Inference is open to every app of this machine unless the settings ask for the token."""
    if services(request).config.flag("server.require_owner_for_inference"):
        await require_owner(request)


def client_of(request: Request) -> str:
    """Who asks, as the engine's apps know it; for people to see and for fairness, never to authorise."""
    return str(request.scope.get(CLIENT, ""))


def _is_owner(request: Request) -> bool:
    if request.scope.get(OWNER):
        return True
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and secrets.compare_digest(
        token.strip().encode(), services(request).token.encode()
    )


EngineAccess = Annotated[InferenceEngine, Depends(engine)]
SettingsAccess = Annotated[Config, Depends(settings)]
# The scheme tells the document that a token is needed; `require_owner` decides, for sockets need none.
_BEARER = HTTPBearer(auto_error=False, scheme_name="Owner", description="The token of the endpoint file.")
OWNER_ONLY = [Security(_BEARER), Depends(require_owner)]
INFERENCE = [Depends(may_infer)]
