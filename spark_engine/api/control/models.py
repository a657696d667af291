"""Spark's own calls about models: what there is, loading, unloading, downloads."""

from fastapi import APIRouter
from starlette.responses import Response

from spark_engine.api.access import OWNER_ONLY, EngineAccess
from spark_engine.api.control.replies import Conversions, Downloads, Duplicates, Freed, Models, Targets
from spark_engine.api.control.schema import AdoptBody, ConvertBody, DownloadBody, ExplainBody, OptionsBody
from spark_engine.api.control.searching import Search
from spark_engine.api.control.wire import accepted, as_json, command
from spark_engine.api.openapi import replies
from spark_engine.api.sse import EventStream
from spark_engine.api.strict_json import StrictJsonRoute
from spark_engine.errors import NotFound
from spark_engine.types.duplicates import DuplicateSearch
from spark_engine.types.fit import Fit
from spark_engine.types.ids import AUTO
from spark_engine.types.models import ModelEntry
from spark_engine.types.options import OptionsReport
from spark_engine.types.selection import Choice, Needs

router = APIRouter(
    prefix="/spark/v1",
    tags=["Models"],
    dependencies=OWNER_ONLY,
    route_class=StrictJsonRoute,
    default_response_class=Response,
)


@router.get("/models", responses=replies(Models, "The models by id."))
async def models(engine: EngineAccess) -> Response:
    """Every model Spark knows, installed or not."""
    return as_json(engine.state.models)


@router.post("/models/scan", **command("The library is read anew."))
async def scan(engine: EngineAccess) -> Response:
    """Read the model library anew from disk."""
    await engine.library.rescan()
    return accepted("library")


@router.post("/models/explain", responses=replies(Choice, "The choice with its reasons."))
async def explain(body: ExplainBody, engine: EngineAccess) -> Response:
    """Which variant `auto` would mean for such a request, why, and what speaks against the others."""
    wanted = (("tools", body.tools), ("json", body.json_))
    abilities = tuple(name for name, needed in wanted if needed)
    return as_json(engine.choose(AUTO, Needs((body.kind,), body.context, abilities, body.language)))


@router.get("/models/{id}", responses=replies(ModelEntry, "The model."))
async def model(id: str, engine: EngineAccess) -> Response:
    """One model, by its id or a variant's."""
    known = engine.state.models
    found = known.get(id) or next((m for m in known.values() if any(v.id == id for v in m.variants)), None)
    if found is None:
        raise NotFound(
            "model_not_found", "No such model", "Spark knows no model of this name.", "See /spark/v1/models."
        )
    return as_json(found)


@router.post("/models/{id}/load", **command("The variant begins to load."))
async def load(id: str, engine: EngineAccess) -> Response:
    """Begin to load a model."""
    return accepted(engine.load(id))


@router.post("/models/{id}/unload", **command("The variant begins to unload."))
async def unload(id: str, engine: EngineAccess) -> Response:
    """Begin to unload a model; what it is generating fails with `model_unloaded`."""
    return accepted(engine.unload(id))


@router.post("/models/{id}/remove", **command("The variant is removed."))
async def remove(id: str, engine: EngineAccess) -> Response:
    """Delete a variant's files, or stop showing one that belongs to another program; its files then stay."""
    return accepted(await engine.library.remove(id))


@router.post("/models/adopt", **command("The models there are used where they lie."))
async def adopt(body: AdoptBody, engine: EngineAccess) -> Response:
    """Use models at a path of this machine, or show again what was forgotten."""
    await engine.library.adopt(body.path)
    return accepted("library")


@router.get("/models/{id}/options", responses=replies(OptionsReport, "The three layers of options."))
async def options(id: str, engine: EngineAccess) -> Response:
    """How a model or variant is loaded and kept: what was saved for it, what holds, what the settings say."""
    return as_json(engine.library.options(id))


@router.put("/models/{id}/options", responses=replies(OptionsReport, "The options as they are now."))
async def set_options(id: str, body: OptionsBody, engine: EngineAccess) -> Response:
    """Save the options of a model or variant in place of those before; what is left out is as the settings say."""
    return as_json(engine.library.set_options(id, body.options))


@router.post("/models/{id}/fit", responses=replies(Fit, "Memory and speed."))
async def fit(id: str, body: OptionsBody, engine: EngineAccess) -> Response:
    """Whether a variant would fit with these options over its own, and how fast it would be; nothing is loaded."""
    return as_json(engine.library.fit(id, body.options))


@router.post("/models/free", responses=replies(Freed, "The variants that are being unloaded."))
async def free(engine: EngineAccess) -> Response:
    """Unload every model that is idle and not pinned."""
    return as_json(engine.library.free_memory())


@router.get("/models/{id}/targets", responses=replies(Targets, "What it can become."))
async def targets(id: str, engine: EngineAccess) -> Response:
    """What a variant can be converted into, with what is missing for each and what is in the way."""
    return as_json(await engine.library.targets(id))


@router.post("/models/{id}/convert", **command("The conversion begins."))
async def convert(id: str, body: ConvertBody, engine: EngineAccess) -> Response:
    """Begin to convert a variant into another format; the reply names the variant it becomes."""
    return accepted(engine.library.convert(id, body.format, body.quantization))


@router.get("/conversions", responses=replies(Conversions, "The conversions by id."))
async def conversions(engine: EngineAccess) -> Response:
    """What is being converted, failed or is done."""
    return as_json(engine.state.conversions)


@router.post("/conversions/{id}/cancel", **command("The conversion is dropped."))
async def cancel_conversion(id: str, engine: EngineAccess) -> Response:
    """End a conversion and delete what was made; of one that is over only the row goes."""
    await engine.library.cancel_conversion(id)
    return accepted(id)


@router.get("/duplicates", responses=replies(Duplicates, "The groups of equal files."))
async def duplicates(engine: EngineAccess) -> Response:
    """Files of models that lie here more than once, and the room they take; the first time it may take minutes."""
    return as_json(await engine.library.duplicates())


@router.get(
    "/duplicates/events", responses=replies(DuplicateSearch, "How far it is.", media="text/event-stream")
)
async def search_duplicates(engine: EngineAccess) -> Response:
    """The same as server-sent events that say how far it is; leaving ends the reading."""
    search = Search(engine.library)
    return EventStream(search.events(), search.close)


@router.get("/downloads", responses=replies(Downloads, "The downloads by id."))
async def downloads(engine: EngineAccess) -> Response:
    """What is being fetched, was paused, failed or has just arrived."""
    return as_json(engine.state.downloads)


@router.post("/downloads", **command("The download begins, or goes on."))
async def download(body: DownloadBody, engine: EngineAccess) -> Response:
    """Begin to fetch a model of a card or of the hub."""
    return accepted(await engine.library.download(body.model, load=body.load))


@router.post("/downloads/{id}/pause", **command("The download stops; what was fetched is kept."))
async def pause(id: str, engine: EngineAccess) -> Response:
    """Stop a download and keep what was fetched."""
    engine.library.pause_download(id)
    return accepted(id)


@router.post("/downloads/{id}/resume", **command("The download goes on."))
async def resume(id: str, engine: EngineAccess) -> Response:
    """Go on with a download that was paused or failed."""
    engine.library.resume_download(id)
    return accepted(id)


@router.post("/downloads/{id}/cancel", **command("The download is dropped."))
async def cancel(id: str, engine: EngineAccess) -> Response:
    """Stop a download and delete what was fetched; of one that is over only the row goes."""
    await engine.library.cancel_download(id)
    return accepted(id)
