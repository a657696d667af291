"""Spark's own calls about the model hub: what can be had there, and the owner's token for it."""

from fastapi import APIRouter
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess
from spark_engine.api.control.schema import OffersBody, TokenBody
from spark_engine.api.control.wire import as_json
from spark_engine.api.openapi import replies
from spark_engine.api.strict_json import StrictJsonRoute
from spark_engine.types.hub import RepositoryOffer, TokenReport

router = APIRouter(
    prefix="/spark/v1/hub",
    tags=["Model hub"],
    dependencies=OWNER_ONLY,
    route_class=StrictJsonRoute,
    default_response_class=Response,
)


@router.post("/offers", responses=replies(RepositoryOffer, "What there is."))
async def offers(body: OffersBody, engine: EngineAccess) -> Response:
    """What could be downloaded under a name, with sizes and fit; nothing is fetched."""
    return as_json(await engine.library.offers(body.ref))


@router.get("/token", responses=replies(TokenReport, "Whether one is kept, and where."))
async def token(engine: EngineAccess) -> Response:
    """Whether a token for the hub is kept; never the token itself."""
    return as_json(await engine.library.hub_token())


@router.put("/token", responses=replies(TokenReport, "Where it is kept now."))
async def set_token(body: TokenBody, engine: EngineAccess) -> Response:
    """Keep a token for the hub in place of the one before: in the system's keyring, or else in the owner's own file."""
    return as_json(await engine.library.set_hub_token(body.token))


@router.delete("/token", responses=replies(TokenReport, "None is kept."))
async def forget_token(engine: EngineAccess) -> Response:
    """Keep no token for the hub any more."""
    return as_json(await engine.library.forget_hub_token())
