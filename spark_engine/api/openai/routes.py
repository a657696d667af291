"""OpenAI's calls: models, chat completions, completions; streamed or whole."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from spark_engine.api.access import INFERENCE, EngineAccess, client_name
from spark_engine.api.answers import collect, failure
from spark_engine.api.disconnect import WhileConnected
from spark_engine.api.errors import error_json
from spark_engine.api.openai.convert import chat_request, completion_request
from spark_engine.api.openai.render import ChatChunks, Chunks, TextChunks, chat_completion, text_completion
from spark_engine.api.openai.replies import (
    ChatCompletion,
    ChatCompletionChunk,
    ModelList,
    ModelObject,
    TextCompletion,
)
from spark_engine.api.openai.schema import ChatCompletionRequest, CompletionRequest, SamplingBody
from spark_engine.api.openapi import replies
from spark_engine.api.sse import DONE, EventStream, sse
from spark_engine.api.strict_json import StrictJsonRoute
from spark_engine.engine.interface import GenerationStream, InferenceEngine
from spark_engine.errors import NotFound
from spark_engine.types.chat import ChatPrompt
from spark_engine.types.generation import Delta, Failed, Finished
from spark_engine.types.ids import AUTO
from spark_engine.types.models import is_installed

router = APIRouter(
    prefix="/v1",
    tags=["OpenAI"],
    dependencies=INFERENCE,
    route_class=StrictJsonRoute,
    default_response_class=Response,
)


@router.get("/models", responses=replies(ModelList, "The models."))
async def list_models(engine: EngineAccess) -> Response:
    """Every model and variant whose files are here; `auto` also works and lets Spark choose."""
    created = int(engine.state.engine.started_at)
    return _json(ModelList(tuple(ModelObject(id, created) for id in _installed(engine))))


@router.get("/models/{id}", responses=replies(ModelObject, "The model."))
async def show_model(id: str, engine: EngineAccess) -> Response:
    """One model or variant; `auto` stands for what it means right now."""
    wanted = engine.state.default_model if id == AUTO else id
    if wanted not in _installed(engine):
        raise NotFound(
            "model_not_found",
            "No such model",
            "No model of this name is on this machine.",
            "See /v1/models.",
            param="model",
        )
    return _json(ModelObject(wanted, int(engine.state.engine.started_at)))


@router.post(
    "/chat/completions", responses=replies(ChatCompletion, "The answer.", events=ChatCompletionChunk)
)
async def chat_completions(body: ChatCompletionRequest, request: Request, engine: EngineAccess) -> Response:
    """Answer a conversation, whole or as server-sent events."""
    wanted = chat_request(body, engine.resolve(body.model).sampling, client_name(request))
    reads_calls = isinstance(wanted.prompt, ChatPrompt) and bool(wanted.prompt.tools)
    async with WhileConnected(request.receive):
        stream = await engine.submit(wanted)
        if not body.stream:
            return _json(chat_completion(wanted.id, await collect(stream), reads_calls=reads_calls))
    served = stream.started.served
    chunks = ChatChunks(wanted.id, served, wants_usage=_wants_usage(body), reads_calls=reads_calls)
    return EventStream(_events(stream, chunks), stream.aclose)


@router.post("/completions", responses=replies(TextCompletion, "The continuation.", events=TextCompletion))
async def completions(body: CompletionRequest, request: Request, engine: EngineAccess) -> Response:
    """Continue raw text or tokens, whole or as server-sent events."""
    wanted = completion_request(body, engine.resolve(body.model).sampling, client_name(request))
    async with WhileConnected(request.receive):
        stream = await engine.submit(wanted)
        if not body.stream:
            return _json(text_completion(wanted.id, await collect(stream)))
    chunks = TextChunks(wanted.id, stream.started.served, wants_usage=_wants_usage(body))
    return EventStream(_events(stream, chunks), stream.aclose)


async def _events(stream: GenerationStream, chunks: Chunks) -> AsyncIterator[bytes]:
    """A generation as ready-made events; one that breaks off ends with an error and without `[DONE]`."""
    if first := chunks.first():
        yield first
    async for event in stream:
        match event:
            case Delta():
                if piece := chunks.delta(event):
                    yield piece
            case Finished():
                yield chunks.finish(event) + DONE
            case Failed():
                yield sse(error_json(failure(event)))


def _wants_usage(body: SamplingBody) -> bool:
    return bool(body.stream_options and body.stream_options.include_usage)


def _installed(engine: InferenceEngine) -> list[str]:
    """Ids of models and variants that are on this machine."""
    ids = []
    for model in engine.state.models.values():
        variants = [v.id for v in model.variants if is_installed(v.status)]
        ids += [model.id, *variants] if variants else []
    return ids


def _json(reply: Any) -> Response:
    return Response(msgspec.json.encode(reply), media_type="application/json")
