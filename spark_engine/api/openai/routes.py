"""OpenAI's calls: models, chat completions, completions; streamed or whole."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from msgspec.structs import replace
from starlette.responses import Response

from spark_engine.api.access import INFERENCE, EngineAccess, client_of
from spark_engine.api.answers import failure
from spark_engine.api.branches import Branches, branches_of, together
from spark_engine.api.disconnect import WhileConnected
from spark_engine.api.errors import error_json
from spark_engine.api.openai.convert import chat_request, completion_request
from spark_engine.api.openai.needs import chat_needs, completion_needs
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
from spark_engine.engine.interface import InferenceEngine
from spark_engine.errors import NotFound
from spark_engine.types.generation import Delta, Failed, Finished, GenerationRequest, SamplingOptions
from spark_engine.types.ids import AUTO, parse_model_ref
from spark_engine.types.models import is_installed
from spark_engine.types.selection import Choice

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
    choice = engine.choose(body.model, chat_needs(body))
    wanted = _chosen(chat_request(body, _advised(engine, choice), client_of(request)), choice)
    async with WhileConnected(request.receive):
        branches = await Branches.submit(engine, branches_of(wanted, body.n or 1))
        if not body.stream:
            return _json(chat_completion(wanted.id, branches.started, await branches.collect()))
    chunks = [
        ChatChunks(wanted.id, branches.started, wants_usage=_wants_usage(body), index=index)
        for index in range(branches.count)
    ]
    return EventStream(_events(branches, chunks), branches.aclose)


@router.post("/completions", responses=replies(TextCompletion, "The continuation.", events=TextCompletion))
async def completions(body: CompletionRequest, request: Request, engine: EngineAccess) -> Response:
    """Continue raw text or tokens, whole or as server-sent events."""
    choice = engine.choose(body.model, completion_needs(body))
    wanted = _chosen(completion_request(body, _advised(engine, choice), client_of(request)), choice)
    async with WhileConnected(request.receive):
        branches = await Branches.submit(engine, branches_of(wanted, body.n or 1))
        if not body.stream:
            return _json(text_completion(wanted.id, branches.started, await branches.collect()))
    chunks = [
        TextChunks(wanted.id, branches.started, wants_usage=_wants_usage(body), index=index)
        for index in range(branches.count)
    ]
    return EventStream(_events(branches, chunks), branches.aclose)


async def _events(branches: Branches, chunks: Sequence[Chunks]) -> AsyncIterator[bytes]:
    """Answers as ready-made events; a generation that breaks off ends all, with an error and without `[DONE]`."""
    if first := b"".join(chunk.first() for chunk in chunks):
        yield first
    ends: dict[int, Finished] = {}
    async with aclosing(branches.events()) as events:
        async for index, event in events:
            match event:
                case Delta():
                    if piece := chunks[index].delta(event):
                        yield piece
                case Finished():
                    ends[index] = event
                    yield _end(chunks[index], event, ends, branches.count)
                case Failed():
                    yield sse(error_json(failure(event)))
                    return


def _end(chunks: Chunks, event: Finished, ends: dict[int, Finished], count: int) -> bytes:
    """The end of one answer, and of the stream when it is the last."""
    if len(ends) < count:
        return chunks.finish(event, None)
    return chunks.finish(event, together([ends[number] for number in sorted(ends)])) + DONE


def _advised(engine: InferenceEngine, choice: Choice) -> SamplingOptions:
    """What the makers of the chosen model advise."""
    return engine.state.models[parse_model_ref(choice.id).model].sampling


def _chosen(wanted: GenerationRequest, choice: Choice) -> GenerationRequest:
    """The request for the chosen model; a model that the client named stays as it was named."""
    return replace(wanted, model=choice.id, chosen=choice.why) if wanted.model == AUTO else wanted


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
